package appliance

import (
	"fmt"
	"sync"
)

// notedFault keeps the first error of the process's own of several disks at once.
type notedFault struct {
	mu  sync.Mutex
	err error
}

// keep takes an error of the process's own away from the disk it was met on.
func (n *notedFault) keep(b *bay, err error) error {
	if !ownFault(err) {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.err == nil {
		n.err = fmt.Errorf("disk %s: %w", b.disk.Name, err)
	}
	return nil
}
