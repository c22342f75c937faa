package firmware

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// SealCounts are what a seal has to confess at its end. The disks hold them under the
// load key alone, which a seal that goes on after a power cut does not need.
type SealCounts struct {
	Skipped  uint64 `json:"skipped"`  // entries that could not be read
	Remarked uint64 `json:"remarked"` // entries whose last look failed, or did not get all
	GivenUp  uint64 `json:"given_up"` // entries of loads that were given up
}

const maxCountsFile = 4 << 10

func countsName(job ID) string { return labelsFolder + "/" + job.String() + ".counts" }

// KeepSealCounts makes the counts durable, before the checkpoint is recorded.
func (d *Device) KeepSealCounts(c SealCounts) error {
	if d.readOnly {
		return errReadOnly
	}
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(d.fs, labelsFolder); err != nil {
		return fmt.Errorf("counts of the seal: %w", err)
	}
	if err := durable.WriteFile(d.fs, countsName(d.record.Job), b); err != nil {
		return fmt.Errorf("counts of the seal: %w", err)
	}
	return nil
}

// SealCounts gives what was kept for the job at hand; nothing was kept by the versions
// before.
func (d *Device) SealCounts() (c SealCounts, err error) {
	b, err := vfs.ReadFile(d.fs, countsName(d.record.Job), maxCountsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return c, fmt.Errorf("counts of the seal: %w", err)
	}
	return c, nil
}
