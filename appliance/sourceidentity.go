package appliance

import (
	"github.com/sledge-io/sledge/internal/vfs"
)

// identity tells whether a file is still the one that was read before.
type identity struct {
	size         int64
	mtime, ctime int64 // ns
	dev, ino     uint64
}

// is reports whether a file is still the one that was begun. A device's number
// changes over a reboot, an inode's only where the file system makes it up.
func (i identity) is(now identity, v vfs.Volume) bool {
	now.dev = i.dev
	if !v.StableInodes {
		now.ino = i.ino
	}
	return i == now
}
