package firmware

import "fmt"

// RecordWritten makes durable which disks, by their ids, the end of a seal writes to
// after the digest of its statement was recorded. It replaces what was recorded before.
func (d *Device) RecordWritten(origin string, disks [][16]byte) error {
	if d.record.State == Tampered {
		return d.Allows(EventSealDone)
	}
	r := d.record.clone()
	for i := range r.Checkpoints {
		if r.Checkpoints[i].Origin != origin {
			continue
		}
		r.Checkpoints[i].Written = nil
		for _, id := range disks {
			r.Checkpoints[i].Written = append(r.Checkpoints[i].Written, ID(id))
		}
		return d.write(r)
	}
	return fmt.Errorf("%s: no checkpoint is recorded: %w", origin, ErrForbidden)
}

// RecordedWritten gives what RecordWritten made durable.
func (d *Device) RecordedWritten(origin string) (disks [][16]byte) {
	for _, c := range d.record.Checkpoints {
		if c.Origin == origin {
			for _, id := range c.Written {
				disks = append(disks, id)
			}
		}
	}
	return disks
}
