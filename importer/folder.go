package importer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Folder is a state folder held against every other process by an flock, which
// the kernel gives up with the process, however that ends, and by a lease, for a
// process that does not end.
type Folder struct {
	vfs.FS
	path  string
	lock  io.Closer
	top   vfs.FS // where the leases are: the folder itself, also from a copy in it
	lease *lease.Hold
	taken uint64 // number of the copy that this is; 0 if it is none
}

const lockName = "lock"

// OpenState makes the folder if it does not exist, locks it and opens it. A
// folder that another process holds is CodeStateLocked.
func OpenState(folder string) (*Folder, error) {
	f, err := openState(folder)
	if err != nil {
		return nil, err
	}
	if f.lease, err = lease.TakeFolder(f.top); err == nil {
		err = f.lease.Near(folder)
	}
	if err == nil {
		err = f.still()
	}
	if err != nil {
		return nil, errors.Join(stateFolderError(err), f.Close())
	}
	return f, nil
}

// HoldState locks a state folder that is open, as OpenState does one by its path.
// One that was taken over (TakeOver) is opened by its path alone.
func HoldState(state vfs.FS) (*Folder, error) {
	f := &Folder{FS: state, top: state}
	var err error
	if f.lock, err = lockState(state, ""); err != nil {
		return nil, stateFolderError(err)
	}
	if f.lease, err = lease.TakeFolder(state); err == nil {
		err = f.still()
	}
	if err != nil {
		return nil, errors.Join(stateFolderError(err), f.Close())
	}
	return f, nil
}

// openState locks the folder in which the run is now, and takes no lease.
func openState(folder string) (*Folder, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, stateFolderError(err)
	}
	top, err := vfs.OS(folder)
	if err != nil {
		return nil, stateFolderError(err)
	}
	f := &Folder{top: top}
	if f.taken, err = lease.Highest(top, takenFolder); err == nil {
		f.path = home(folder, f.taken)
		f.lock, err = lockState(top, takenBase(f.taken))
	}
	if err == nil {
		f.FS, err = vfs.OS(f.path)
	}
	if err != nil {
		if target.HasCode(err, target.CodeStateLocked) {
			err = target.NewError(target.CodeStateLocked, folder, "held by "+lease.HolderOf(top).String(), err)
		}
		return nil, errors.Join(stateFolderError(err), f.Close())
	}
	return f, nil
}

// lockState locks a folder of the state folder; "" is itself.
func lockState(top vfs.FS, folder string) (io.Closer, error) {
	held, err := vfs.Lock(top, path.Join(folder, lockName))
	if errors.Is(err, vfs.ErrLocked) {
		return nil, target.NewError(target.CodeStateLocked, folder, "another process holds the state folder", err)
	}
	return held, err
}

func stateFolderError(err error) error {
	if e := (*target.Error)(nil); errors.As(err, &e) {
		return err
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return journalError(err)
	}
	return fmt.Errorf("state folder: %w", err)
}

// still tells that no one has made a copy of the folder and gone there, between our
// look for copies and our lease.
func (f *Folder) still() error {
	if err := f.Held(); err != nil {
		return err
	}
	taken, err := lease.Highest(f.top, takenFolder)
	if err == nil && taken != f.taken {
		err = target.NewError(target.CodeTakenOver, "", "the holder is "+lease.HolderOf(f.top).String(), nil)
	}
	return err
}

// Held implements StateFolder.
func (f *Folder) Held() error { return journalError(f.lease.Held()) }

// Taken is the number of the copy that this is, of a folder that was taken over
// from a process which did not let go of it; 0 if it is none.
func (f *Folder) Taken() uint64 { return f.taken }

// Path is the folder in which the run's files are: the state folder, or a copy in it.
func (f *Folder) Path() string { return f.path }

// StateHome is the folder in which the files of a state folder's run are: the folder
// itself, or the last copy in it by which the run was taken over.
func StateHome(folder string) (string, error) {
	top, err := vfs.OS(folder)
	if err != nil {
		return "", err
	}
	defer vfs.Close(top) // read only
	taken, err := lease.Highest(top, takenFolder)
	return home(folder, taken), err
}

func home(folder string, taken uint64) string {
	if taken == 0 {
		return folder
	}
	return filepath.Join(folder, takenName(taken))
}

// Close gives the folder and its lock back.
func (f *Folder) Close() (err error) {
	for _, disk := range []vfs.FS{f.FS, f.top} {
		if disk != nil {
			err = errors.Join(err, vfs.Close(disk))
		}
	}
	if f.lease != nil {
		err = errors.Join(err, f.lease.Close())
	}
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	return err
}

var (
	_ io.Closer   = (*Folder)(nil)
	_ StateFolder = (*Folder)(nil)
)
