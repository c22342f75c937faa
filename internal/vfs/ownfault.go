package vfs

import (
	"errors"
	"syscall"
)

// OwnFault reports whether an error is of this process or its machine, and so says
// nothing about the disk that gave it: no file descriptors or no memory left. The
// call that met it was not made.
func OwnFault(err error) bool {
	for _, own := range [...]error{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.EAGAIN} {
		if errors.Is(err, own) {
			return true
		}
	}
	return false
}
