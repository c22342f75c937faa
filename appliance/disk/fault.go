package disk

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// OwnFault reports whether an error is the process's own, such as too many open
// files. It never blames a disk: nothing is condemned, written degraded or called
// lost because of it, and the command ends with it.
func OwnFault(err error) bool { return vfs.OwnFault(err) }

// FaultNote keeps the first error of the process's own that was met where only a
// disk's answer was asked for.
type FaultNote struct {
	mu  sync.Mutex
	err error
}

// Met keeps an error of the process's own and reports whether it is one.
func (n *FaultNote) Met(place string, err error) bool {
	if err == nil || !OwnFault(err) {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err == nil {
		n.err = fmt.Errorf("%s: %w", place, err)
	}
	return true
}

// Keep takes an error of the process's own away from the disk it was met on.
func (n *FaultNote) Keep(b *Bay, err error) error {
	if n.Met("disk "+b.Disk.Name, err) {
		return nil
	}
	return err
}

func (n *FaultNote) Get() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// Or returns the noted error, and without one the given error: what was not found
// for want of descriptors is not lost.
func (n *FaultNote) Or(err error) error {
	if own := n.Get(); own != nil && err != nil {
		return own
	}
	return err
}

// ReadFault reports whether an error says that a disk could not answer. A copy
// that ends early or is damaged is no such error.
func ReadFault(err error) bool {
	return err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, manifest.ErrCorrupt)
}

// Synced marks an error of fsync. Whatever its cause, the pages it was about count
// as written from then on: a disk that has no room (ENOSPC, EDQUOT) has lost them,
// and is not merely full.
func Synced(err error) error {
	if err == nil || OwnFault(err) {
		return err
	}
	return fmt.Errorf("%w: %w", durable.ErrDiskFailed, err)
}
