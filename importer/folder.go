package importer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/sledge-io/sledge/internal/vfs"
)

// Folder is a state folder held against every other process by an flock, which
// the kernel gives up with the process, however that ends.
type Folder struct {
	vfs.FS
	lock *os.File
}

const lockName = "lock"

// OpenState makes the folder if it does not exist, locks it and opens it. A
// folder that another process holds is CodeStateLocked.
func OpenState(folder string) (*Folder, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(folder, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, newError(CodeStateLocked, folder, "another process holds the state folder", err)
		}
		return nil, fmt.Errorf("state folder: lock: %w", err)
	}
	disk, err := vfs.OS(folder)
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("state folder: %w", err)
	}
	return &Folder{FS: disk, lock: lock}, nil
}

// Close gives the folder and its lock back.
func (s *Folder) Close() error { return errors.Join(vfs.Close(s.FS), s.lock.Close()) }

var _ io.Closer = (*Folder)(nil)
