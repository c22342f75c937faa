package disk

import (
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// CheckSealed is IsSealed for those who would take a disk that cannot be read now for
// one of an unsealed device.
func CheckSealed(disks []Disk) (bool, error) {
	for _, d := range disks {
		if sealed, err := hasCheckpoint(d); sealed || err != nil {
			return sealed, err
		}
	}
	return false, nil
}

// IsSealed tells whether any of the disks carries a checkpoint.
func IsSealed(disks []Disk) bool {
	for _, d := range disks {
		if sealed, _ := hasCheckpoint(d); sealed {
			return true
		}
	}
	return false
}

// hasCheckpoint reports whether a disk was sealed, and an error of the process's own. What
// the checkpoint says is not looked at, so one over the format's limit counts.
func hasCheckpoint(d Disk) (bool, error) {
	_, err := vfs.ReadFile(d.FS, CheckpointName, manifest.MaxCheckpoint)
	if OwnFault(err) {
		return false, fmt.Errorf("disk %s: %w", d.Name, err)
	}
	return err == nil || errors.Is(err, vfs.ErrTooLarge), nil
}
