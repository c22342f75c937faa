package appliance

import (
	"errors"
	"fmt"
	"maps"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/manifest"
)

// frames is where the device's journals and scan lists lie.
func (d *Device) frames() frames.Store {
	return frames.Store{Disks: d.bays, Key: d.key, Copies: d.cfg.Job.Geometry.M + 1}
}

// newFrameFile creates a frame file on m+1 healthy disks.
func (d *Device) newFrameFile(kind frames.Kind, ordinal uint64) (*frames.Writer, error) {
	id, err := d.cfg.newID()
	if err != nil {
		return nil, err
	}
	return d.frames().Create(kind, id, ordinal)
}

// findFrameFiles lists the frame files of a kind, by ordinal. Journals of which no
// header is left are ErrLost, and so are those that this session has seen and that
// are gone.
func (d *Device) findFrameFiles(kind frames.Kind) ([]*frames.File, error) {
	files, err := frames.Find(d.bays, kind, false)
	if err != nil {
		return nil, err
	}
	ends := d.journalEnds()
	seen := map[manifest.ID]bool{}
	for _, c := range files {
		if kind == frames.Journal && c.Headless {
			return nil, c.ErrHeadless(d.bays.Missing())
		}
		c.LimitTo(ends[c.ID])
		seen[c.ID] = true
	}
	for id, size := range ends {
		if kind == frames.Journal && size > frames.HeaderSize && !seen[id] {
			return nil, fmt.Errorf("%w: journal %s: no disk at hand has it any more: %w", disk.ErrLost, id, errors.Join(d.bays.Errors()...))
		}
	}
	return files, nil
}

// journalEnds are the acknowledged lengths of the journals of this session and of earlier ones.
// What stands behind them was not made durable: it does not exist for a reader.
func (d *Device) journalEnds() map[manifest.ID]int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	ends := maps.Clone(d.sizes)
	if d.journal != nil {
		ends[d.journal.ID] = max(d.journal.Acked, frames.HeaderSize)
	}
	return ends
}

// eachFrame calls f for every frame of the journal, in order.
func (d *Device) eachFrame(f func(frames.Frame) error) error {
	files, err := d.findFrameFiles(frames.Journal)
	if err != nil {
		return err
	}
	for _, c := range files {
		if _, err := d.frames().Read(c, false, f); err != nil {
			return err
		}
	}
	return nil
}
