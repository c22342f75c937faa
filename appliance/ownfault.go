package appliance

import (
	"errors"
	"syscall"
)

// ownFault reports whether an error is the process's own, such as too many open
// files. It never blames a disk: nothing is condemned, cut or called lost because
// of it, and the command ends with it.
func ownFault(err error) bool {
	for _, own := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}
