package vfs

import (
	"io/fs"
	"os"
)

// Cold shows a folder of the real file system such that its files are read from the
// disk and not from the page cache: before the first file is opened, whatever the
// file system has still to write is written, and each file's cached pages are
// forgotten when it is opened. Where the system knows neither, files are as they are.
//
// The pages of a file that another process maps or writes to may stay. What may be
// opened is as in Plain.
func Cold(root *os.Root) (fs.FS, error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	defer dir.Close() // only asked
	if err := syncAll(dir); err != nil {
		return nil, &fs.PathError{Op: "syncfs", Path: root.Name(), Err: err}
	}
	return Forgetting(Plain(root), func(f fs.File) {
		if f, ok := f.(*os.File); ok {
			dropCache(f) // a hint
		}
	}), nil
}

// Forgetting calls forget with every file that is opened, before anybody reads it.
func Forgetting(fsys fs.FS, forget func(fs.File)) fs.FS { return forgetting{fsys, forget} }

type forgetting struct {
	fs.FS
	forget func(fs.File)
}

func (f forgetting) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err == nil {
		f.forget(file)
	}
	return file, err
}
