package appliance

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sledge-io/sledge/appliance/disk"
)

// DiskEmpty is a disk without a device's data: the first unlock prepares it.
const DiskEmpty = "empty"

// SurveyNew tells the state of disks before the first unlock of a job, when none of
// them belongs to the device yet.
func SurveyNew(disks []disk.Disk) (states []DiskState) {
	for _, d := range disks {
		s := DiskState{Name: d.Name, State: DiskEmpty, Bay: -1}
		if err := newDisk(d); err != nil {
			s.set(err)
		}
		states = append(states, s)
	}
	return states
}

// newDisk is the error of a disk that the first unlock does not take as it is.
func newDisk(d disk.Disk) error {
	h, err := disk.HeaderOf(d)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return disk.Unmounted(d, disk.Allowed{})
	case err != nil:
		return err
	}
	return fmt.Errorf("disk %s: %w: it is bay %d of job %s, device %s, generation %d", d.Name, disk.ErrForeign, h.Bay, h.Scope.Job, h.Scope.Device, h.Scope.Generation)
}
