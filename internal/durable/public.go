package durable

import (
	"io/fs"

	"github.com/sledge-io/sledge/internal/vfs"
)

// publicPerm is the mode of a file that is given to others, such as a public key.
const publicPerm fs.FileMode = 0o644

// WritePublic is [WriteFile] with mode 0644, whatever the umask.
func WritePublic(fsys vfs.FS, name string, data []byte) error {
	return writeFile(fsys, name, data, publicPerm)
}

// CreatePublic is [CreateExclusive] with mode 0644, whatever the umask. A file that is
// there with the same content gets that mode, too: it is written anew.
func CreatePublic(fsys vfs.FS, name string, data []byte) error {
	if err := createExclusive(fsys, name, data, publicPerm); err != nil {
		return err
	}
	info, err := fsys.Stat(name)
	if err != nil || info.Mode().Perm() == publicPerm {
		return err
	}
	return WritePublic(fsys, name, data)
}
