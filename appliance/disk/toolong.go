package disk

import (
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TooLong names the first disk whose copy of a file is over the format's limit. Such a file
// is there: who takes it for missing takes the disk for another kind of disk.
func (s *Set) TooLong(name string, max int64) error {
	for _, d := range s.Disks {
		if _, err := s.ReadFile(d, name, max); errors.Is(err, vfs.ErrTooLarge) {
			return fmt.Errorf("disk %s: %w: %w", d.Name, manifest.ErrCorrupt, err)
		}
	}
	return nil
}
