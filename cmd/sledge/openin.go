package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/sledge-io/sledge/internal/vfs"
)

// openIn opens a regular file below a folder that others sent (see vfs.Plain). A
// file that the operator names himself may be a pipe: readFile.
func openIn(folder, name string) (fs.File, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close() // the file stays open
	return vfs.Plain(root).Open(name)
}

// readIn reads a regular file of at most limit bytes below such a folder.
func readIn(folder, name string, limit int64) ([]byte, error) {
	f, err := openIn(folder, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLimited(f, name, limit)
}

// readLimited reads all of r.
func readLimited(r io.Reader, name string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: longer than %s", name, size(limit))
	}
	return b, err
}
