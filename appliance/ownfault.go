package appliance

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
func ownFault(err error) bool { return vfs.OwnFault(err) }

// faultNote keeps the first error of the process's own that was met where only a
// disk's answer was asked for.
type faultNote struct {
	mu  sync.Mutex
	err error
}

// met keeps an error of the process's own and reports whether it is one.
func (n *faultNote) met(place string, err error) bool {
	if err == nil || !ownFault(err) {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err == nil {
		n.err = fmt.Errorf("%s: %w", place, err)
	}
	return true
}

// keep takes an error of the process's own away from the disk it was met on.
func (n *faultNote) keep(b *bay, err error) error {
	if n.met("disk "+b.disk.Name, err) {
		return nil
	}
	return err
}

func (n *faultNote) get() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.err
}

// or returns the noted error, and without one the given error: what was not found
// for want of descriptors is not lost.
func (n *faultNote) or(err error) error {
	if own := n.get(); own != nil && err != nil {
		return own
	}
	return err
}

// readFault reports whether an error says that a disk could not answer. A copy
// that ends early or is damaged is no such error.
func readFault(err error) bool {
	return err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, manifest.ErrCorrupt)
}

// synced marks an error of fsync. Whatever its cause, the pages it was about count
// as written from then on: a disk that has no room (ENOSPC, EDQUOT) has lost them,
// and is not merely full.
func synced(err error) error {
	if err == nil || ownFault(err) {
		return err
	}
	return fmt.Errorf("%w: %w", durable.ErrDiskFailed, err)
}
