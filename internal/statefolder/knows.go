package statefolder

import (
	"errors"
	"io/fs"
	"path"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/vfs"
)

// MayKnow reports whether a run may have been begun in a state folder: it has a folder of its own
// there, or a status, or nothing tells whose the folder itself is.
func MayKnow(state, runID string) (bool, error) {
	disk, err := Open(state)
	if err != nil {
		return false, err
	}
	defer vfs.Close(disk) // read only
	_, err = disk.Stat(path.Join(importer.RunsFolder, runID))
	if !errors.Is(err, fs.ErrNotExist) {
		return err == nil, err
	}
	first, err := readStatus(disk, "")
	return err != nil || first == nil || first.Run == runID, nil // a status that cannot be read says nothing
}
