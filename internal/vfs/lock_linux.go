package vfs

import (
	"os"

	"golang.org/x/sys/unix"
)

// A file's lock is one of the open file description over a range of bytes, for the
// kernel can be asked about those without taking any. The range tells the kind: all
// bytes are a LongLock, the first alone is a BriefLock. Each excludes the other.

func lockFile(f *os.File, kind LockKind) error {
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET}
	if kind == BriefLock {
		l.Len = 1
	}
	return lockError(unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &l))
}

func fileLocked(f *os.File) (LockKind, error) {
	l := unix.Flock_t{Type: unix.F_WRLCK, Whence: unix.SEEK_SET}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &l); err != nil {
		return NoLock, lockError(err)
	}
	switch {
	case l.Type == unix.F_UNLCK:
		return NoLock, nil
	case l.Len == 1:
		return BriefLock, nil
	}
	return LongLock, nil
}
