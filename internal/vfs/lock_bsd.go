//go:build unix && !linux

package vfs

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes an flock: it tells no kind, and others see a LongLock.
func lockFile(f *os.File, _ LockKind) error { return lockDir(f) }

// fileLocked asks by fcntl, to which these systems tell an flock, too.
func fileLocked(f *os.File) (LockKind, error) {
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart}
	if err := unix.FcntlFlock(f.Fd(), unix.F_GETLK, &l); err != nil {
		return NoLock, lockError(err)
	}
	if l.Type == unix.F_UNLCK {
		return NoLock, nil
	}
	return LongLock, nil
}
