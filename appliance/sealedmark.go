package appliance

import (
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// hasCheckpoint reports whether a disk was sealed, and an error of the process's own. What
// the checkpoint says is not looked at, so one over the format's limit counts.
func hasCheckpoint(d disk.Disk) (bool, error) {
	_, err := vfs.ReadFile(d.FS, disk.CheckpointName, manifest.MaxCheckpoint)
	if disk.OwnFault(err) {
		return false, fmt.Errorf("disk %s: %w", d.Name, err)
	}
	return err == nil || errors.Is(err, vfs.ErrTooLarge), nil
}
