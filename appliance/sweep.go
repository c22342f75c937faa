package appliance

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/manifest"
)

// sweep removes packs that were never committed, and scratch files.
func (d *Device) sweep() error {
	var own faultNote
	d.bays.each(func(b *bay) error { return own.keep(b, d.sweepDisk(b)) })
	if err := own.get(); err != nil {
		return err
	}
	if err := d.bays.own(); err != nil {
		return err
	}
	return d.enoughDisks()
}

func (d *Device) sweepDisk(b *bay) error {
	if err := durable.RemoveAll(b.disk.FS, tmpDir, 1<<20); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := durable.MkdirAll(b.disk.FS, tmpDir); err != nil {
		return err
	}
	if err := durable.Sweep(b.disk.FS, journalDir); err != nil {
		return err
	}
	return sweepPacks(b, d.state.known)
}

func sweepPacks(b *bay, known map[manifest.ID]bool) error {
	dirs, err := b.disk.FS.ReadDir(packsDir)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if !dir.IsDir() { // not ours: fsck names it
			continue
		}
		files, err := b.disk.FS.ReadDir(packsDir + "/" + dir.Name())
		if err != nil {
			return err
		}
		removed := false
		for _, f := range files {
			text, _, _ := strings.Cut(f.Name(), ".")
			id, err := manifest.ParseID(text)
			if err != nil || f.IsDir() || known[id] && !strings.HasSuffix(f.Name(), durable.TempSuffix) {
				continue
			}
			if err := b.disk.FS.Remove(packsDir + "/" + dir.Name() + "/" + f.Name()); err != nil {
				return err
			}
			removed = true
		}
		if removed {
			if err := b.disk.FS.SyncDir(packsDir + "/" + dir.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}
