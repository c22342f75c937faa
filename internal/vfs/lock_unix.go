//go:build unix

package vfs

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lockDir locks an open folder by flock, as the other kinds of lock want a
// descriptor that can write. The kernel gives it up with the descriptor. What a file
// system cannot lock, such as a folder on NFS, is ErrUnsupported.
func lockDir(f *os.File) error {
	return lockError(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB))
}

func lockError(err error) error {
	switch {
	case errors.Is(err, unix.EWOULDBLOCK), errors.Is(err, unix.EACCES):
		return ErrLocked
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.ENOLCK), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EBADF), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: %w", errors.ErrUnsupported, err)
	}
	return err
}
