package appliance

import (
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/tail"
	"github.com/sledge-io/sledge/manifest"
)

// replay reads every journal file in order. Nothing is changed on any disk before
// all of them have been read, and the disks that work have been counted again.
func (d *Device) replay() error {
	d.sizes = map[manifest.ID]int64{}
	files, err := d.findFrameFiles(frames.Journal)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		if err := d.nothingCommitted(); err != nil {
			return err
		}
	}
	d.state = newLoadState()
	ends := make([]journalEnd, len(files))
	for i, c := range files {
		d.ordinal = max(d.ordinal, c.Ordinal+1)
		if ends[i], err = d.replayFile(c, files[i+1:]); err != nil {
			return fmt.Errorf("journal %s: %w", c.ID, err)
		}
	}
	if err := d.bays.Own(); err != nil {
		return err
	}
	if err := d.enough(); err != nil {
		return err
	}
	d.files = files
	d.condemn()
	for i, c := range files {
		if d.look {
			d.sizes[c.ID] = ends[i].size
			continue
		}
		if err := d.settle(c, ends[i]); err != nil {
			return fmt.Errorf("journal %s: %w", c.ID, err)
		}
	}
	d.lost = len(d.bays.Missing())
	d.turn.Store(d.state.packs) // short sessions must not all begin at bay 0
	return nil
}

// journalEnd is what counts of a journal file.
type journalEnd struct {
	size   int64
	thin   bool  // some frame stands on fewer than m+1 disks
	closed int64 // where the closing frame begins; 0 without one
}

// settle makes the copies of a file alike: what does not count is cut off, and m+1
// disks get the rest. A disk that has no room for it must not keep a device from
// being opened because of the closing frame, which is then cut off, too.
func (d *Device) settle(c *frames.File, end journalEnd) error {
	cut := func(size int64) error {
		d.sizes[c.ID] = size
		return c.Cut(size)
	}
	if err := cut(end.size); err != nil {
		return err
	}
	if !end.thin && len(disk.Bays(c.On).Healthy()) > d.cfg.Job.Geometry.M {
		return nil
	}
	err := d.frames().Mend(c, end.size)
	if !disk.IsFull(err) || end.closed == 0 {
		return err
	}
	if err := cut(end.closed); err != nil {
		return err
	}
	return d.frames().Mend(c, end.closed)
}

// replayFile applies a file's frames. Each is held back until the next is seen: a
// frame that another follows was acknowledged, whatever is left of it; only the
// last one of a file may be one that was not.
func (d *Device) replayFile(c *frames.File, later []*frames.File) (end journalEnd, err error) {
	var held *frames.Frame
	end.size = frames.HeaderSize
	take := func(fr *frames.Frame) error {
		end.thin = end.thin || fr.Copies <= d.cfg.Job.Geometry.M
		if end.closed = 0; len(fr.Clear) == 0 && len(fr.Plain) == 0 {
			end.closed = fr.Offset
		}
		end.size = fr.End
		return d.apply(*fr)
	}
	if _, err = d.frames().Read(c, true, func(fr frames.Frame) error {
		last := held
		held = &fr
		if last == nil {
			return nil
		}
		return take(last)
	}); err != nil || held == nil {
		return end, err
	}
	counts, err := d.confirm(held, later)
	if err != nil || !counts {
		end.thin = true
		return end, err
	}
	return end, take(held)
}

// confirm decides whether the last frame of a journal file counts.
func (d *Device) confirm(fr *frames.Frame, later []*frames.File) (bool, error) {
	entry, err := journal.PublicPack(fr.Clear)
	if err != nil {
		return false, err
	}
	last := tail.Frame{Copies: fr.Copies, Entry: entry}
	if m := d.cfg.Job.Geometry.M; entry != nil && fr.Copies <= m {
		dev, _ := d.cfg.Job.Device(d.cfg.Scope.Device)
		if last.Next, err = tail.FirstPack(later, false, func(raw []byte) *manifest.Pack {
			return journal.Pack(raw, d.cfg.Scope, dev.PublicKey.PublicKey)
		}); err != nil {
			return false, err
		}
	}
	return last.Counts(d.bays, d.cfg.Job.Geometry.M)
}

// apply takes one committed frame into the state.
func (d *Device) apply(fr frames.Frame) error {
	entry, err := journal.PublicPack(fr.Clear)
	if err != nil {
		return err
	}
	if entry != nil {
		if entry.Number > d.state.packs {
			return fmt.Errorf("%w: no journal at hand names the packs from %d to %d", disk.ErrLost, d.state.packs, entry.Number-1)
		}
		if entry.Number < d.state.packs {
			return fmt.Errorf("%w: pack number %d, want %d", manifest.ErrCorrupt, entry.Number, d.state.packs)
		}
		d.state.addPack(entry)
	}
	m, err := journal.Decode(fr.Plain)
	if err != nil {
		return err
	}
	return d.state.add(m)
}

// nothingCommitted is ErrLost where no disk at hand has a journal and one has a shard.
// The first frame is durable before the first shard is created, so the journal is on
// disks that are not here, and the sweep would take all that it names for leftovers.
func (d *Device) nothingCommitted() error {
	for _, b := range d.bays.Healthy() {
		has, err := disk.HasShards(b.Disk.FS)
		if err != nil {
			if err := b.Refuse(err); err != nil {
				return err
			}
		}
		if has {
			return fmt.Errorf("%w: disk %s holds packs, and no disk at hand has a journal; nothing was changed", disk.ErrLost, b.Disk.Name)
		}
	}
	return d.enough()
}
