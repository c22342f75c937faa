package disk

import (
	"errors"
	"io/fs"
	"strings"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// DestroyKeys removes what only loading needs. The unlock wrap goes first and is
// overwritten: with the code it opened everything.
func DestroyKeys(b *Bay) error {
	if err := destroyUnlock(b.Disk.FS); err != nil {
		return err
	}
	// What a crash left of files that were being written.
	for _, dir := range []string{Root, WrapsDir, LogDir, Root + "/statements"} {
		if err := durable.Sweep(b.Disk.FS, dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	for _, dir := range []string{JournalDir, TempDir} {
		if err := durable.RemoveAll(b.Disk.FS, dir, 1<<20); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// destroyUnlock overwrites the unlock wrap and what a crash left of it half written.
func destroyUnlock(fsys vfs.FS) error {
	list, err := fsys.ReadDir(WrapsDir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range list {
		if strings.HasPrefix(e.Name(), "unlock") && !e.IsDir() {
			if err := durable.Overwrite(fsys, WrapsDir+"/"+e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}
