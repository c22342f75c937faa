package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Loaded tells whether any disk has a journal or a shard, or was sealed: whether
// something may have been loaded. Journals stand on m + 1 disks only, so the shards
// speak for one whose disks are not at hand.
func Loaded(disks []Disk) (used bool, err error) {
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
	if _, err := d.FS.Stat(CheckpointName); err == nil {
		return true, nil
	}
	list, err := d.FS.ReadDir(JournalDir)
	if err == nil && len(list) > 0 {
		return true, nil
	}
	has := false
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		has, err = HasShards(d.FS)
	}
	switch {
	case err == nil:
		return has, nil
	case NoAnswer(err):
		return false, Unanswered(d.Name, err)
	}
	return false, fmt.Errorf("disk %s: %w", d.Name, err)
}

// HasShards tells whether any shard is on a disk, committed or not.
func HasShards(fsys vfs.FS) (bool, error) {
	dirs, err := fsys.ReadDir(PacksDir)
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
		files, err := fsys.ReadDir(PacksDir + "/" + dir.Name())
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
