package appliance

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// destroyKeys removes what only loading needs. The unlock wrap goes first and is
// overwritten: with the code it opened everything.
func destroyKeys(b *disk.Bay) error {
	if err := destroyUnlock(b.Disk.FS); err != nil {
		return err
	}
	// What a crash left of files that were being written.
	for _, dir := range []string{disk.Root, disk.WrapsDir, disk.LogDir, disk.Root + "/statements"} {
		if err := durable.Sweep(b.Disk.FS, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, dir := range []string{disk.JournalDir, disk.TempDir} {
		if err := durable.RemoveAll(b.Disk.FS, dir, 1<<20); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// destroyUnlock overwrites the unlock wrap and what a crash left of it half written.
func destroyUnlock(fsys vfs.FS) error {
	list, err := fsys.ReadDir(disk.WrapsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), "unlock") && !e.IsDir() {
			if err := durable.Overwrite(fsys, disk.WrapsDir+"/"+e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}
