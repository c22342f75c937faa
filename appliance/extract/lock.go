package extract

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrFolderBusy: another command has locked the folder that is extracted to.
var ErrFolderBusy = errors.New("another sledge command is at work in this folder")

// lockFolder locks an open folder until it is closed or the process ends, however it
// ends. It reports false where the file system has no such locks, as NFS for folders.
func lockFolder(f *os.File) (locked bool, err error) {
	for {
		switch err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
		case nil:
			return true, nil
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			return false, fmt.Errorf("%s: %w", f.Name(), ErrFolderBusy)
		default:
			return false, nil
		}
	}
}
