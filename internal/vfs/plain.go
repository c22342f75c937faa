package vfs

import (
	"io/fs"
	"os"
)

// Plain shows a folder of the real file system to whoever reads what others sent.
// It opens regular files and folders. A symbolic link anywhere in a name, and a pipe,
// socket or device at its end, are refused with ErrNotRegular, and no Open waits for a
// writer.
// Names stay below the folder.
func Plain(root *os.Root) fs.FS { return plain{root} }

type plain struct{ root *os.Root }

func (p plain) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	f, err := openSame(p.root, name, os.O_RDONLY|noWait, regularOrFolder, ErrNotRegular)
	if err != nil {
		return nil, err
	}
	return f, nil
}

func regularOrFolder(m fs.FileMode) bool { return m.IsRegular() || m.IsDir() }
