package files

import (
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/vfs"
)

// OpenIn opens a regular file below a folder that others sent (see vfs.Plain). A
// file that the operator names himself may be a pipe: Read.
func OpenIn(folder, name string) (fs.File, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer root.Close() // the file stays open
	return vfs.Plain(root).Open(name)
}

// ReadIn reads a regular file of at most limit bytes below such a folder.
func ReadIn(folder, name string, limit int64) ([]byte, error) {
	f, err := OpenIn(folder, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadLimited(f, name, limit)
}

// ReadLimited reads all of r.
func ReadLimited(r io.Reader, name string, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: longer than %s", name, terminal.Size(limit))
	}
	return b, err
}

// Read reads a small file that the operator named.
func Read(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadLimited(f, name, limit)
}
