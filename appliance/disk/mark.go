package disk

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// ErrRebuilding: a disk was being made a member of the device, and lacks what was not
// written yet.
var ErrRebuilding = errors.New("its rebuild, or the first unlock, was cut off before it was whole")

// SetMark says that a disk is no member of its device until [ClearMark].
func SetMark(disk vfs.FS) error { return durable.WriteFile(disk, MarkName, nil) }

func ClearMark(disk vfs.FS) error {
	err := durable.Remove(disk, MarkName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// CheckMark is ErrRebuilding for a disk whose rebuild has not ended. It may lack
// journals, and a device must not be opened by what the others do not say.
func CheckMark(d Disk) error {
	_, err := d.FS.Stat(MarkName)
	switch {
	case err == nil:
		return fmt.Errorf("disk %s: %w", d.Name, ErrRebuilding)
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case NoAnswer(err):
		return Unanswered(d.Name, err)
	}
	return fmt.Errorf("disk %s: %w", d.Name, err)
}
