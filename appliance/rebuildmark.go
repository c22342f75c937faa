package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// loaded tells whether any disk has a journal or a shard, or was sealed: whether
// something may have been loaded. Journals stand on m + 1 disks only, so the shards
// speak for one whose disks are not at hand.
func loaded(disks []Disk) (used bool, err error) {
	for _, d := range disks {
		has, lerr := holdsLoad(d)
		if has {
			return true, nil
		}
		if err == nil {
			err = lerr
		}
	}
	return false, err
}

func holdsLoad(d Disk) (bool, error) {
	if _, err := d.FS.Stat(cpName); err == nil {
		return true, nil
	}
	list, err := d.FS.ReadDir(journalDir)
	if err == nil && len(list) > 0 {
		return true, nil
	}
	has := false
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		has, err = hasShards(d.FS)
	}
	switch {
	case err == nil:
		return has, nil
	case NoAnswer(err):
		return false, Unanswered(d.Name, err)
	}
	return false, fmt.Errorf("disk %s: %w", d.Name, err)
}

// hasShards tells whether any shard is on a disk, committed or not.
func hasShards(disk vfs.FS) (bool, error) {
	dirs, err := disk.ReadDir(packsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	for _, dir := range dirs {
		if !dir.IsDir() {
			continue
		}
		files, err := disk.ReadDir(packsDir + "/" + dir.Name())
		if err != nil {
			return false, err
		}
		for _, f := range files {
			id, _, _ := strings.Cut(f.Name(), ".")
			if _, err := manifest.ParseID(id); err == nil && strings.HasSuffix(f.Name(), ".shard") {
				return true, nil
			}
		}
	}
	return false, nil
}

// nothingCommitted is ErrLost where no disk at hand has a journal and one has a shard.
// The first frame is durable before the first shard is created, so the journal is on
// disks that are not here, and the sweep would take all that it names for leftovers.
func (d *Device) nothingCommitted() error {
	for _, b := range d.bays.healthy() {
		has, err := hasShards(b.disk.FS)
		if err != nil {
			if err := b.refuse(err); err != nil {
				return err
			}
		}
		if has {
			return fmt.Errorf("%w: disk %s holds packs, and no disk at hand has a journal; nothing was changed", ErrLost, b.disk.Name)
		}
	}
	return d.enough()
}
