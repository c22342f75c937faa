package appliance

import (
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/extsort"
)

// sortMemory is what one sorter holds before it spills.
const sortMemory = 24 << 20

// newSorter gives a sorter whose runs go to a disk, or, where the device is only
// looked at, into the system's folder for temporary files. They are encrypted.
func (d *Device) newSorter(memory int) (*extsort.Sorter, func(), error) {
	if d.look {
		disk, done, err := extsort.Scratch()
		if err != nil {
			return nil, nil, err
		}
		s := extsort.New(extsort.Config{FS: disk, Dir: "sort", Memory: memory})
		return s, func() { s.Close(); done() }, nil
	}
	fsys, err := d.scratchDisk()
	if err != nil {
		return nil, nil, err
	}
	s := extsort.New(extsort.Config{FS: fsys.Disk.FS, Dir: disk.TempDir, Memory: memory})
	return s, func() { s.Close() }, nil
}

// scratchDisk is the healthy disk with the most room.
func (d *Device) scratchDisk() (*disk.Bay, error) {
	var best *disk.Bay
	var most int64 = -1
	var errs []error
	for _, b := range d.bays.Healthy() {
		free, _, err := b.Disk.FS.Free()
		if err != nil {
			errs = append(errs, fmt.Errorf("disk %s: %w", b.Disk.Name, err))
		} else if free > most {
			best, most = b, free
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%w: none tells its room: %w", disk.ErrTooFewDisks, errors.Join(append(errs, d.bays.Errors()...)...))
	}
	return best, nil
}
