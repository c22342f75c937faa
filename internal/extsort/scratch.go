package extsort

import (
	"os"

	"github.com/sledge-io/sledge/internal/vfs"
)

// Scratch makes a folder for runs in the system's folder for temporary files; done removes it.
func Scratch() (folder vfs.FS, done func(), err error) {
	dir, err := os.MkdirTemp("", "sledge-sort-")
	if err != nil {
		return nil, nil, err
	}
	folder, err = vfs.OS(dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	return folder, func() { vfs.Close(folder); os.RemoveAll(dir) }, nil
}
