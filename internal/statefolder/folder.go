package statefolder

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrUnusable: the folder is there and cannot be written.
var ErrUnusable = errors.New("state folder cannot be used")

// Unusable names the folder in an error that says that it cannot be read or written.
func Unusable(name string, err error) error {
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: %s: %w", ErrUnusable, name, err)
	}
	return err
}
