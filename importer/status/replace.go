package status

import (
	"errors"
	"io/fs"

	"github.com/sledge-io/sledge/internal/vfs"
)

// DraftSuffix ends the name of a file that Replace is writing.
const DraftSuffix = ".new"

// Replace puts a file in place of another at once, without waiting for the disk.
func Replace(disk vfs.FS, name string, data []byte) error {
	draft := name + DraftSuffix
	if err := disk.Remove(draft); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := disk.Create(draft, vfs.CreateOptions{})
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return disk.Rename(draft, name)
}
