package appliance

import (
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/manifest"
)

// frames is where the device's journals and scan lists lie.
func (d *Device) frames() frameStore {
	return frameStore{d.bays, d.key, d.cfg.Job.Geometry.M + 1}
}

// newFrameFile creates a frame file on m+1 healthy disks.
func (d *Device) newFrameFile(kind frameKind, ordinal uint64) (*frameFile, error) {
	id, err := d.cfg.newID()
	if err != nil {
		return nil, err
	}
	return d.frames().create(kind, id, ordinal)
}

// findFrameFiles lists the frame files of a kind, by ordinal. Journals of which no
// header is left are ErrLost, and so are those that this session has seen and that
// are gone.
func (d *Device) findFrameFiles(kind frameKind) ([]*frameCopies, error) {
	files, err := findFrames(d.bays, kind, false)
	if err != nil {
		return nil, err
	}
	seen := map[manifest.ID]bool{}
	for _, c := range files {
		if kind == journalKind && c.headless {
			return nil, c.errHeadless(d.bays.Missing())
		}
		c.limitTo(d.sizes[c.id])
		seen[c.id] = true
	}
	for id, size := range d.sizes {
		if kind == journalKind && size > frameFileHead && !seen[id] {
			return nil, fmt.Errorf("%w: journal %s: no disk at hand has it any more: %w", disk.ErrLost, id, errors.Join(d.bays.Errors()...))
		}
	}
	return files, nil
}

// eachFrame calls f for every frame of the journal, in order.
func (d *Device) eachFrame(f func(frame) error) error {
	files, err := d.findFrameFiles(journalKind)
	if err != nil {
		return err
	}
	for _, c := range files {
		if _, err := d.frames().read(c, false, f); err != nil {
			return err
		}
	}
	return nil
}
