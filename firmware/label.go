package firmware

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

const (
	labelsFolder = "labels"
	maxLabelFile = 64 << 10
)

func labelName(job ID) string { return labelsFolder + "/" + job.String() + ".label" }

// KeepLabel keeps the label of a sealed job, so that it can be given again when the
// disks have gone and the device is at work on another job.
func (d *Device) KeepLabel(job ID, label []byte) error {
	if d.readOnly {
		return errReadOnly
	}
	if err := durable.MkdirAll(d.fs, labelsFolder); err != nil {
		return fmt.Errorf("label: %w", err)
	}
	if err := durable.WriteFile(d.fs, labelName(job), label); err != nil {
		return fmt.Errorf("label: %w", err)
	}
	return nil
}

// Label is the label that was kept for a job; nil if there is none.
func (d *Device) Label(job ID) ([]byte, error) {
	b, err := vfs.ReadFile(d.fs, labelName(job), maxLabelFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("label: %w", err)
	}
	return b, nil
}

// CheckpointOf is what the device has signed, or is about to sign, for a job.
func (d *Device) CheckpointOf(job ID) (Checkpoint, bool) { return d.record.checkpointOf(job) }
