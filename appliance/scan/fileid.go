package scan

import (
	"github.com/sledge-io/sledge/internal/vfs"
)

// FileID tells whether a file is still the one that was read before.
type FileID struct {
	Size         int64
	Mtime, Ctime int64 // ns
	Dev, Ino     uint64
}

// Same reports whether a file is still the one that was begun. A device's number
// changes over a reboot, an inode's only where the file system makes it up.
func (i FileID) Same(now FileID, v vfs.Volume) bool {
	now.Dev = i.Dev
	if !v.StableInodes {
		now.Ino = i.Ino
	}
	return i == now
}
