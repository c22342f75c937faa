package disk

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sledge-io/sledge/internal/vfs"
)

// Locks is the locks of a device's disks. A device's state folder has a lock of its
// own, which its commands take; these hold against who comes with a copy of it, or
// without one, as rebuild does. A disk's lock is one of the system upon the disk's
// folder: nothing is written, and a process that ends in any way leaves none.
type Locks []io.Closer

// Lock locks every disk that can be locked. A disk that fails is not the
// lock's business, nor is one that is given twice: whoever reads them finds that out.
func Lock(disks []Disk) (h Locks, err error) {
	for i, d := range disks {
		held, err := vfs.Lock(d.FS, ".")
		switch {
		case slices.ContainsFunc(disks[:i], func(o Disk) bool { return o.FS == d.FS }):
		case errors.Is(err, vfs.ErrLocked):
			h.Release()
			return nil, fmt.Errorf("disk %s: %w", d.Name, ErrBusy)
		case OwnFault(err): // it may be locked, and another command at work
			h.Release()
			return nil, fmt.Errorf("disk %s: %w", d.Name, err)
		case err == nil:
			h = append(h, held)
		}
	}
	return h, nil
}

func (h Locks) Release() {
	for _, held := range h {
		held.Close() // the system gives the lock back whatever this says
	}
}
