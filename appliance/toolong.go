package appliance

import (
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// tooLong names the first disk whose copy of a file is over the format's limit. Such a file
// is there: who takes it for missing takes the disk for another kind of disk.
func (s *diskSet) tooLong(name string, max int64) error {
	for _, d := range s.disks {
		if _, err := s.readFile(d, name, max); errors.Is(err, vfs.ErrTooLarge) {
			return fmt.Errorf("disk %s: %w: %w", d.Name, manifest.ErrCorrupt, err)
		}
	}
	return nil
}

// hasCheckpoint reports whether a disk was sealed, and an error of the process's own. What
// the checkpoint says is not looked at, so one over the format's limit counts.
func hasCheckpoint(d Disk) (bool, error) {
	_, err := vfs.ReadFile(d.FS, cpName, manifest.MaxCheckpoint)
	if ownFault(err) {
		return false, fmt.Errorf("disk %s: %w", d.Name, err)
	}
	return err == nil || errors.Is(err, vfs.ErrTooLarge), nil
}
