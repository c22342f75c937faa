package appliance

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/sledge-io/sledge/internal/vfs"
)

// hold is the locks of a device's disks. A device's state folder has a lock of its
// own, which its commands take; these hold against who comes with a copy of it, or
// without one, as rebuild does. A disk's lock is one of the system upon the disk's
// folder: nothing is written, and a process that ends in any way leaves none.
type hold []io.Closer

// holdDisks locks every disk that can be locked. A disk that fails is not the
// lock's business, nor is one that is given twice: whoever reads them finds that out.
func holdDisks(disks []Disk) (h hold, err error) {
	for i, d := range disks {
		held, err := vfs.Lock(d.FS, ".")
		switch {
		case slices.ContainsFunc(disks[:i], func(o Disk) bool { return o.FS == d.FS }):
		case errors.Is(err, vfs.ErrLocked):
			h.release()
			return nil, fmt.Errorf("disk %s: %w", d.Name, ErrBusy)
		case ownFault(err): // it may be locked, and another command at work
			h.release()
			return nil, fmt.Errorf("disk %s: %w", d.Name, err)
		case err == nil:
			h = append(h, held)
		}
	}
	return h, nil
}

func (h hold) release() {
	for _, held := range h {
		held.Close() // the system gives the lock back whatever this says
	}
}
