package firmware

import (
	"fmt"
	"slices"
)

// maxFilesystems bounds the file systems that are allowed by name.
const maxFilesystems = 16

// AllowDisks writes down what was let pass as disks of the job at hand: bays that
// share a disk, and file systems by name. It adds to what was allowed before, and
// is forgotten with the job. Returned nil means that it is durable.
func (d *Device) AllowDisks(shared bool, filesystems []string) error {
	if d.record.State == Tampered {
		return d.Allows(EventUnlock)
	}
	r := d.record.clone()
	r.SharedDisks = r.SharedDisks || shared
	for _, name := range filesystems {
		if !slices.Contains(r.Filesystems, name) {
			r.Filesystems = append(r.Filesystems, name)
		}
	}
	slices.Sort(r.Filesystems)
	if len(r.Filesystems) > maxFilesystems {
		return fmt.Errorf("%d file systems are allowed by name, the limit is %d", len(r.Filesystems), maxFilesystems)
	}
	if r.SharedDisks == d.record.SharedDisks && slices.Equal(r.Filesystems, d.record.Filesystems) {
		return nil
	}
	return d.write(r)
}
