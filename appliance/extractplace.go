package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
)

// openFolder keeps the folder open in which a worker last was, so that neighbours are
// reached without walking down again.
type openFolder struct {
	root *os.Root
	path string
	f    *os.File
}

// open returns the descriptor of a folder below the root, made if it is not
// there. It is valid until the next call.
func (d *openFolder) open(dir string) (fd int, err error) {
	if d.f != nil && d.path == dir {
		return int(d.f.Fd()), nil
	}
	d.close()
	name := filepath.FromSlash(dir)
	const flags = os.O_RDONLY | unix.O_DIRECTORY
	f, err := d.root.OpenFile(name, flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err = d.root.MkdirAll(name, 0o777); err == nil {
			f, err = d.root.OpenFile(name, flags, 0)
		}
	}
	if err != nil {
		return -1, err
	}
	d.path, d.f = dir, f
	return int(f.Fd()), nil
}

func (d *openFolder) close() {
	if d.f != nil {
		d.f.Close() // only read
		d.f = nil
	}
}

// splitPath gives the folder, "." for the root, and the last element, which by
// the rules of paths is neither empty nor a dot element.
func splitPath(p string) (dir, base string) {
	dir, base = path.Split(p)
	return path.Clean("./" + dir), base
}

// outFile is a file being written. Writes to different places may come at once.
type outFile struct{ fd int }

// createAt makes a new file. What an interrupted run left under the name goes.
func createAt(dir int, name string) (outFile, error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(dir, name, flags, 0o600)
	if err == unix.EEXIST {
		if err = unix.Unlinkat(dir, name, 0); err == nil {
			fd, err = unix.Openat(dir, name, flags, 0o600)
		}
	}
	if err != nil {
		return outFile{}, &fs.PathError{Op: "create", Path: name, Err: err}
	}
	return outFile{fd}, nil
}

func (f outFile) writeAt(p []byte, off int64) error {
	for len(p) > 0 {
		n, err := unix.Pwrite(f.fd, p, off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// written is a file that is whole under its temporary name.
type written struct {
	rec  *manifest.Record
	temp string // in the same folder
}

const (
	publishFiles = 4096
	publishBytes = 256 << 20
)

// publish gathers written files: one sync of the file system serves many small
// ones, and only then do they get their names.
func (w *extractWorker) publish(f written) {
	w.mu.Lock()
	w.pending = append(w.pending, f)
	w.pendingBytes += f.rec.Size
	var full []written
	if len(w.pending) >= publishFiles || w.pendingBytes >= publishBytes {
		full, w.pending, w.pendingBytes = w.pending, nil, 0
	}
	w.mu.Unlock()
	if len(full) == 0 {
		return
	}
	var err error
	w.pause(func() { err = w.sync() })
	w.name(full, err)
}

// finish names what is left, once the workers have ended.
func (x *extractor) finish() error {
	if len(x.pending) == 0 {
		return nil
	}
	err := x.sync()
	var wg sync.WaitGroup
	for files := range slices.Chunk(x.pending, (len(x.pending)-1)/cap(x.turns)+1) {
		wg.Go(func() { x.name(files, err) })
	}
	wg.Wait()
	x.pending, x.pendingBytes = nil, 0
	return err
}

// name gives files their names if they were synced. Each was counted, or will be.
func (x *extractor) name(files []written, synced error) {
	d := openFolder{root: x.root}
	defer d.close()
	for _, w := range files {
		if err := d.name(w, synced); err != nil {
			x.entries.Add(^uint64(0))
			x.fail(w.rec.Path, err)
		}
	}
}

func (d *openFolder) name(w written, synced error) error {
	dir, base := splitPath(w.rec.Path)
	fd, err := d.open(dir)
	if err == nil && synced != nil {
		unix.Unlinkat(fd, w.temp, 0)
		return synced
	}
	if err == nil {
		err = moveAt(fd, w.temp, base)
	}
	return err
}

// moveAt gives a file its name, which nothing else may have; the temporary one
// goes in any case.
func moveAt(dir int, temp, name string) error {
	err := unix.Renameat2(dir, temp, dir, name, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS { // not every file system can
		err = unix.Linkat(dir, temp, dir, name, 0)
		if rerr := unix.Unlinkat(dir, temp, 0); err == nil {
			err = rerr
		}
	} else if err != nil {
		unix.Unlinkat(dir, temp, 0)
	}
	if err != nil {
		return &fs.PathError{Op: "rename", Path: name, Err: err}
	}
	return nil
}

// sync makes everything below the folder durable.
func (x *extractor) sync() error {
	d, err := x.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	if err := unix.Syncfs(int(d.Fd())); err != nil {
		return fmt.Errorf("sync of %s: %w", x.base, err)
	}
	return nil
}
