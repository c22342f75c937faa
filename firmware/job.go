package firmware

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// JobFile returns the job file that the device obeys, byte for byte.
func (d *Device) JobFile() ([]byte, error) {
	if d.record.JobSHA256 == "" {
		return nil, fmt.Errorf("device has no job: %w", ErrForbidden)
	}
	b, err := vfs.ReadFile(d.fs, jobName(d.record.JobSHA256), maxJobFile)
	if err != nil {
		return nil, fmt.Errorf("job file: %w", err)
	}
	if sum := crypto.SumSHA256(b); hex.EncodeToString(sum[:]) != d.record.JobSHA256 {
		return nil, fmt.Errorf("job file in the state folder was changed; adopt the right one again")
	}
	return b, nil
}

func jobName(sum string) string { return jobsFolder + "/" + sum + ".dsse" }

// AllowsJob says whether the device would take a job file by EventAdoptJob or
// EventExtendJob. It changes nothing.
func (d *Device) AllowsJob(e Event) error {
	if err := d.Allows(e.Kind); err != nil {
		return err
	}
	if e.Kind == EventExtendJob {
		return d.mayExtend(&e)
	}
	return d.mayAdopt(&e)
}

// mayAdopt checks a job file's place in the device's life.
func (d *Device) mayAdopt(e *Event) error {
	r := &d.record
	name, err := e.jobName()
	if err != nil {
		return err
	}
	begun := !r.FirstUnlock.IsZero() && r.State != Sealed
	switch {
	case e.Serial < r.floor(e.Job):
		return fmt.Errorf("job file has serial %d, the device has obeyed serial %d: %w", e.Serial, r.floor(e.Job), ErrRollback)
	case e.Serial == r.floor(e.Job) && e.Job == r.Job && name != r.JobSHA256:
		return fmt.Errorf("job file has serial %d like the last one, but other content: %w", e.Serial, ErrRollback)
	case begun && e.Job != r.Job:
		return fmt.Errorf("job %s has begun on this device and is not sealed: %w", r.Job, ErrForbidden)
	case begun && name != r.JobSHA256:
		return fmt.Errorf("job %s has begun: its job file is on the disks and cannot be replaced: %w", r.Job, ErrForbidden)
	}
	if _, sealed := r.checkpointOf(e.Job); sealed {
		return fmt.Errorf("job %s was sealed on this device; a second generation is not supported: %w", e.Job, ErrForbidden)
	}
	return nil
}

// mayExtend checks a later file of the job at hand.
func (d *Device) mayExtend(e *Event) error {
	r := &d.record
	if _, err := e.jobName(); err != nil {
		return err
	}
	_, sealing := r.checkpoint()
	switch {
	case e.Job != r.Job:
		return fmt.Errorf("job file is of job %s, the device is at work on job %s: %w", e.Job, r.Job, ErrForbidden)
	case e.Serial <= r.floor(e.Job):
		return fmt.Errorf("job file has serial %d, the device has obeyed serial %d: %w", e.Serial, r.floor(e.Job), ErrRollback)
	case sealing:
		return fmt.Errorf("the seal of job %s has begun, under serial %d: %w", r.Job, r.JobSerial, ErrForbidden)
	}
	return nil
}

// adopt takes another job, or another file of one that has not begun.
func (d *Device) adopt(r *Record, e Event) error {
	if err := d.mayAdopt(&e); err != nil {
		return err
	}
	if e.Job != r.Job {
		r.FirstUnlock = time.Time{}
		r.SharedDisks, r.Filesystems = false, nil
	}
	r.Generation = 1
	return d.takeJob(r, e)
}

// extend takes a later file of the job at hand. The disks get it after the state: a
// crash between leaves disks with an earlier file, which the next unlock updates.
func (d *Device) extend(r *Record, e Event) error {
	if err := d.mayExtend(&e); err != nil {
		return err
	}
	return d.takeJob(r, e)
}

// takeJob makes a job file the device's. Its bytes are durable before the state
// names them.
func (d *Device) takeJob(r *Record, e Event) error {
	name, err := e.jobName()
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(d.fs, jobsFolder); err != nil {
		return err
	}
	if err := durable.WriteFile(d.fs, jobName(name), e.JobFile); err != nil {
		return err
	}
	r.Job, r.JobSerial, r.JobSHA256 = e.Job, e.Serial, name
	return r.setFloor(e.Job, e.Serial)
}

// JobName is the SHA-256 of an event's job file.
func (e *Event) jobName() (string, error) {
	if e.Job == (ID{}) || e.Serial == 0 || len(e.JobFile) == 0 || len(e.JobFile) > maxJobFile {
		return "", fmt.Errorf("job file without id, serial or bytes")
	}
	sum := crypto.SumSHA256(e.JobFile)
	return hex.EncodeToString(sum[:]), nil
}
