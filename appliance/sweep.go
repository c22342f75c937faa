package appliance

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/manifest"
)

// sweep removes packs that were never committed, and scratch files.
func (d *Device) sweep() error {
	var own disk.FaultNote
	d.bays.Each(func(b *disk.Bay) error { return own.Keep(b, d.sweepDisk(b)) })
	if err := own.Get(); err != nil {
		return err
	}
	if err := d.bays.Own(); err != nil {
		return err
	}
	return d.enoughDisks()
}

func (d *Device) sweepDisk(b *disk.Bay) error {
	if err := durable.RemoveAll(b.Disk.FS, disk.TempDir, 1<<20); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := durable.MkdirAll(b.Disk.FS, disk.TempDir); err != nil {
		return err
	}
	if err := durable.Sweep(b.Disk.FS, disk.JournalDir); err != nil {
		return err
	}
	return sweepPacks(b, d.state.known)
}

func sweepPacks(b *disk.Bay, known map[manifest.ID]bool) error {
	dirs, err := b.Disk.FS.ReadDir(disk.PacksDir)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if !dir.IsDir() { // not ours: fsck names it
			continue
		}
		files, err := b.Disk.FS.ReadDir(disk.PacksDir + "/" + dir.Name())
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
			if err := b.Disk.FS.Remove(disk.PacksDir + "/" + dir.Name() + "/" + f.Name()); err != nil {
				return err
			}
			removed = true
		}
		if removed {
			if err := b.Disk.FS.SyncDir(disk.PacksDir + "/" + dir.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}
