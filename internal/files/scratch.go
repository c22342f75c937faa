package files

import (
	"os"

	"github.com/sledge-io/sledge/internal/vfs"
)

// Scratch is a folder of its own, for what does not fit in memory; "" is the
// system's place for them, TMPDIR.
func Scratch(in string) (vfs.FS, func(), error) {
	dir, err := os.MkdirTemp(in, ".sledge-scratch-")
	if err != nil {
		return nil, nil, err
	}
	disk, err := vfs.OS(dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	return disk, func() {
		vfs.Close(disk) // only descriptors
		os.RemoveAll(dir)
	}, nil
}
