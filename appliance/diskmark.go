package appliance

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

// setMark says that a disk is no member of its device until [clearMark].
func setMark(disk vfs.FS) error { return durable.WriteFile(disk, markName, nil) }

func clearMark(disk vfs.FS) error {
	err := durable.Remove(disk, markName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// rebuilt is ErrRebuilding for a disk whose rebuild has not ended. It may lack
// journals, and a device must not be opened by what the others do not say.
func rebuilt(d Disk) error {
	_, err := d.FS.Stat(markName)
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
