package scan

import (
	"errors"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/vfs"
)

const (
	sampleFolders = 64
	sampleFiles   = 8 // of a folder
)

// sampleTree reports whether any file of a few, from all over a tree, can be read.
// A tree without readable files in its first folders gives false.
func sampleTree(tree vfs.Tree) bool {
	queue := []string{""}
	for at := 0; at < len(queue) && at < sampleFolders; at++ {
		files, folders := sampleFolder(tree, queue[at])
		if files {
			return true
		}
		queue = append(queue, folders[:min(len(folders), sampleFolders)]...)
	}
	return false
}

// sampleFolder tries files that lie apart in a folder's order, and names the
// folders in it.
func sampleFolder(tree vfs.Tree, path string) (read bool, folders []string) {
	dir, err := tree.OpenDir(path)
	if err != nil {
		return false, nil
	}
	defer dir.Close()
	if path != "" {
		path += "/"
	}
	count := 0
	if dir.Names(func(string, bool) error { count++; return nil }) != nil {
		return false, nil
	}
	step, n := max(1, count/sampleFiles), 0
	dir.Names(func(name string, isDir bool) error {
		if isDir && len(folders) < sampleFolders {
			folders = append(folders, path+name)
		}
		if n++; !isDir && n%step == 0 && canRead(dir, name) {
			read = true
			return errSampled
		}
		return nil
	})
	return read, folders
}

// errSampled ends a look at a folder.
var errSampled = errors.New("sampled")

// canRead reads a byte of a regular file that has one.
func canRead(dir vfs.Dir, name string) bool {
	info, err := dir.StatFresh(name)
	if err != nil || info.Mode&unix.S_IFMT != unix.S_IFREG || info.Size == 0 {
		return false
	}
	f, err := dir.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	n, err := f.ReadSome(make([]byte, 1), 0)
	return n == 1 && err == nil
}
