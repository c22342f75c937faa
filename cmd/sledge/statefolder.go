package main

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// errStateFolder: the folder is there and cannot be written.
var errStateFolder = errors.New("state folder cannot be used")

// stateFolder names the folder in an error that says that it cannot be read or written.
func stateFolder(name string, err error) error {
	if errors.Is(err, unix.EROFS) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: %s: %w", errStateFolder, name, err)
	}
	return err
}
