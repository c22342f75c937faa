package vfs

import (
	"fmt"
	"io/fs"
	"os"
)

// errLinked: a name whose folder is no folder but a symbolic link, wherever that leads.
var errLinked = fmt.Errorf("%w: a folder of its path is a symbolic link", ErrNotRegular)

// statEach is statBeneath by one look at each folder of the name, for where the system
// cannot resolve a name without links.
func statEach(root *os.Root, name string) (fs.FileInfo, error) {
	if err := foldersEach(root, name); err != nil {
		return nil, err
	}
	return root.Lstat(localize(name))
}

// createEach is createBeneath in the same way.
func createEach(root *os.Root, name string, perm fs.FileMode) (*os.File, error) {
	if err := foldersEach(root, name); err != nil {
		return nil, err
	}
	return root.OpenFile(localize(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, perm)
}

func foldersEach(root *os.Root, name string) error {
	for i := range len(name) {
		if name[i] != '/' {
			continue
		}
		info, err := root.Lstat(localize(name[:i]))
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return &fs.PathError{Op: "open", Path: name, Err: errLinked}
		}
	}
	return nil
}
