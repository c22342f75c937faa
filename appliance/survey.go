package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// The states of a disk that an operator brings.
const (
	DiskGood       = "good"
	DiskNotMounted = "not-mounted" // the folder is an empty mount point
	DiskNoAnswer   = "no-answer"   // it gives errors where its files should be
	DiskForeign    = "foreign"     // of another device, without a readable header, or there twice
	DiskStale      = "stale"       // of this device, and behind its other disks
	DiskFailed     = "failed"      // it answers, and an error on it was final
)

// DiskState is what became of a disk that was named.
type DiskState struct {
	Name  string
	State string
	Bay   int   // −1: not known
	Err   error // why it is not good
}

// ErrStale: a disk of this device lacks what the others say it holds.
var ErrStale = errors.New("disk is behind the others")

// ErrOldJobOfDisk: a disk was away while the device took a newer job file. It lacks nothing else:
// the next load or seal gives it the new one.
var ErrOldJobOfDisk = fmt.Errorf("%w by its job file", ErrStale)

// Survey tells the state of each disk by what lies on it, without a key, and gives
// those that [Look] can use.
func Survey(c Config) (usable []disk.Disk, states []DiskState) {
	taken := map[int]string{}
	for _, d := range c.Disks {
		s := DiskState{Name: d.Name, State: DiskGood, Bay: -1}
		h, err := c.owner().BayOf(d)
		if err == nil {
			s.Bay = h.Bay
			if other, twice := taken[h.Bay]; twice {
				err = fmt.Errorf("disks %s and %s: %w: both are bay %d", other, d.Name, disk.ErrForeign, h.Bay)
			}
		}
		if err == nil {
			taken[h.Bay] = d.Name
			if err = c.staleJob(d); err == nil || errors.Is(err, ErrStale) {
				usable = append(usable, d)
			}
			if err == nil {
				err = readOnly(d, h.Bay)
			}
		}
		s.set(err)
		states = append(states, s)
	}
	return usable, states
}

func (s *DiskState) set(err error) {
	s.Err = err
	switch {
	case err == nil:
		s.State = DiskGood
	case errors.Is(err, disk.ErrNotMounted):
		s.State = DiskNotMounted
	case errors.Is(err, disk.ErrNoAnswer), disk.OwnFault(err):
		s.State = DiskNoAnswer
	case errors.Is(err, disk.ErrDiskFailed):
		s.State = DiskFailed
	case errors.Is(err, ErrStale), errors.Is(err, disk.ErrRebuilding), errors.Is(err, disk.ErrReadBack):
		s.State = DiskStale
	default:
		s.State = DiskForeign
	}
}

// ErrReadOnly: nothing can be written to a disk that is still to be loaded or sealed.
var ErrReadOnly = errors.New("its file system is read-only")

// readOnly is ErrReadOnly, and [ErrDiskFailed]. A sealed disk is only read.
func readOnly(d disk.Disk, bay int) error {
	if d.Mount == nil || !d.Mount.ReadOnly {
		return nil
	}
	if _, err := d.FS.Stat(disk.CheckpointName); err == nil {
		return nil
	}
	return disk.Failure(d, bay, ErrReadOnly)
}

// staleJob compares a disk's job file with the device's.
func (c *Config) staleJob(d disk.Disk) error {
	b, err := vfs.ReadFile(d.FS, disk.JobName, manifest.MaxStatement)
	if disk.NoAnswer(err) {
		return disk.Unanswered(d.Name, err)
	}
	if err != nil || string(b) == string(c.JobFile) {
		return nil // a missing copy is rebuild's business
	}
	job, err := manifest.PeekJob(b)
	switch {
	case err != nil || job.ID != c.Job.ID:
		return fmt.Errorf("disk %s: %w: its job file is another one", d.Name, disk.ErrForeign)
	case job.Serial < c.Job.Serial:
		return fmt.Errorf("disk %s: %w: its job file has serial %d, the device's %d", d.Name, ErrOldJobOfDisk, job.Serial, c.Job.Serial)
	}
	return fmt.Errorf("disk %s: %w: its job file has serial %d, the device's %d", d.Name, disk.ErrForeign, job.Serial, c.Job.Serial)
}

// Look opens a device to tell what is safe on it: it writes nothing, and needs no
// more disks than some of which must hold the journal. Of the returned Device only
// Status, Lost, BadDisks, WrapCheck and Close may be called.
func Look(cfg Config, loadKey []byte) (*Device, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	held, err := disk.Lock(cfg.Disks)
	if err != nil {
		return nil, err
	}
	d, err := open(cfg, loadKey, true)
	if err != nil {
		held.Release()
		return nil, err
	}
	d.held = held
	return d, nil
}

// BadDisks names the disks that were usable and are not good: those that failed
// since, and those that are stale. A stale disk lacks the last shard that the journal
// says it holds: an older copy of it was put in, or it has forgotten. It counts with
// what it has; a rebuild makes the rest again.
func (d *Device) BadDisks() []DiskState {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []DiskState
	for _, b := range d.bays {
		if b == nil {
			continue
		}
		err := b.Failed()
		if err != nil {
			if disk.NoAnswer(err) {
				err = disk.Unanswered(b.Disk.Name, err)
			}
		} else {
			err = d.condemnation(b)
		}
		if err == nil {
			err = d.staleness(b)
		}
		if err != nil {
			s := DiskState{Name: b.Disk.Name, Bay: b.Number}
			s.set(err)
			out = append(out, s)
		}
	}
	return out
}

// staleness is the ErrStale of a disk that lacks the last shard which the journal says
// was written to it.
func (d *Device) staleness(b *disk.Bay) error {
	last, shard := d.state.packs, -1
	for last > 0 && shard < 0 {
		last--
		if h := &d.state.homes[last]; !h.wasLost(b.Number) {
			shard = slices.Index(h.bays, byte(b.Number))
		}
	}
	if shard < 0 {
		return nil
	}
	_, err := b.Disk.FS.Stat(disk.ShardName(d.state.homes[last].id, shard))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("disk %s: %w: it lacks pack %d, the last that was written to it (an older copy of the disk, or it has forgotten)", b.Disk.Name, ErrStale, last)
	case disk.NoAnswer(err):
		return disk.Unanswered(b.Disk.Name, err)
	}
	return nil
}
