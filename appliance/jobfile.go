package appliance

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// ErrOlderJob: a disk holds a later file of the job than the device knows.
var ErrOlderJob = errors.New("this device knows an older job file than its disks")

// sameJob makes the job file of every disk the device's, byte for byte. A disk that
// cannot be read or written fails; one with another job file is an error. A disk without
// room keeps its earlier file: the end of the seal writes it.
func sameJob(c *Config, set disk.Bays) error {
	healthy := set.Healthy()
	errs := make([]error, len(healthy))
	var wg sync.WaitGroup
	for i, b := range healthy {
		wg.Go(func() { errs[i] = updateJob(c, b.Disk) })
	}
	wg.Wait()
	for i, b := range healthy {
		err := errs[i]
		var w *jobWriteError
		switch {
		case errors.As(err, &w) && disk.IsFull(err):
			c.Log.Warn("the disk has no room for the job's later file, and keeps the earlier one until the seal", "err", err)
			err = nil
		case errors.As(err, &w), disk.NoAnswer(err):
			err = b.Refuse(err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// jobWriteError is an error of a disk that is to get the present job file.
type jobWriteError struct{ error }

func (e *jobWriteError) Unwrap() error { return e.error }

// updateJob writes the device's job file to a disk that holds an earlier one of the
// same job, signed by the same key, which it extends by nothing but serial and expiry.
//
// A later file on a disk is refused: the device writes its state folder before its
// disks, so that folder is older than the disks, and with it perhaps what must never
// be forgotten. The operator has the later file, or gets it, and gives it to unlock.
func updateJob(c *Config, d disk.Disk) error {
	got, err := vfs.ReadFile(d.FS, disk.JobName, manifest.MaxStatement)
	if err != nil {
		return fmt.Errorf("disk %s: job file: %w", d.Name, err)
	}
	if bytes.Equal(got, c.JobFile) {
		return nil
	}
	old, err := manifest.OpenJob(got, c.Job.Signer.PublicKey)
	if err != nil {
		return fmt.Errorf("disk %s: %w: its job file is another one: %w", d.Name, disk.ErrForeign, err)
	}
	if old.ID == c.Job.ID && old.Serial > c.Job.Serial {
		return fmt.Errorf("disk %s: %w: serial %d, the device knows serial %d", d.Name, ErrOlderJob, old.Serial, c.Job.Serial)
	}
	if err := manifest.Extends(got, c.JobFile); err != nil {
		return fmt.Errorf("disk %s: %w: its job file is another one (serial %d): %w", d.Name, disk.ErrForeign, old.Serial, err)
	}
	if err := durable.WriteFile(d.FS, disk.JobName, c.JobFile); err != nil {
		return &jobWriteError{fmt.Errorf("disk %s: job file: %w", d.Name, err)}
	}
	c.Log.Info("the disk has the job's later file now", "disk", d.Name, "serial", c.Job.Serial)
	return nil
}
