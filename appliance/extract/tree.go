package extract

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// outTree is the folder that entries are written to. No path below it is walked
// through a symbolic link, nor out of it by "..": a component that is no folder is
// in the way of everything below it.
type outTree struct {
	root     *os.File
	locked   bool // no other extract writes into it
	stepwise bool // never ask for openat2
	umask    uint32
	synced   outSync
}

// openOutTree opens a folder, makes it if it is not there, and locks it.
func openOutTree(folder string) (*outTree, error) {
	made, err := makeOut(folder)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(folder, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	locked, err := lockFolder(f)
	if err != nil {
		f.Close()
		return nil, err
	}
	t := &outTree{root: f, locked: locked, umask: umask(), synced: outSync{calls: systemSyncs, each: needsEach(int(f.Fd()))}}
	for _, above := range made {
		t.synced.above(above)
	}
	return t, nil
}

// makeOut makes a folder, and gives those that got a new folder in them.
func makeOut(folder string) (in []string, err error) {
	for at := filepath.Clean(folder); ; at = filepath.Dir(at) {
		if _, err := os.Stat(at); !errors.Is(err, fs.ErrNotExist) || filepath.Dir(at) == at {
			break
		}
		in = append(in, filepath.Dir(at))
	}
	return in, os.MkdirAll(folder, 0o777)
}

func (t *outTree) close() { t.root.Close() } // only read

// sync makes everything below the folder durable.
func (t *outTree) sync() error { return t.synced.all(int(t.root.Fd()), t.root.Name()) }

// syncAll is sync behind everything: where syncfs is not believed, the folder's own names
// are synced, too.
func (t *outTree) syncAll() error {
	_ = t.synced.folder(int(t.root.Fd()), t.root.Name()) // its error is the next one's
	return t.sync()
}

// umask is the process's. The system tells it only to whoever sets it.
func umask() uint32 {
	mask := unix.Umask(0o077)
	unix.Umask(mask)
	return uint32(mask)
}

// cold has an open file be read from the disk.
func (t *outTree) cold(fd int) error { return t.synced.cold(fd, int(t.root.Fd()), t.root.Name()) }

// pathOnly opens a folder as a place for names. That needs no right to read it.
const pathOnly = unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC

// open returns a descriptor for a folder's names; "." is the root. The caller closes it.
func (t *outTree) open(dir string) (int, error) {
	fd, err := t.openAtOnce(dir)
	if err == nil || err == unix.ENOENT || err == unix.EACCES {
		return fd, pathError(dir, err)
	}
	return t.walk(dir, openStep)
}

// make is open, and makes the folders that are missing.
func (t *outTree) make(dir string) (int, error) {
	fd, _, err := t.makeNew(dir)
	return fd, err
}

// makeNew is make, and reports whether the folder itself was made.
func (t *outTree) makeNew(dir string) (fd int, made bool, err error) {
	fd, err = t.open(dir)
	if !errors.Is(err, unix.ENOENT) {
		return fd, false, err
	}
	fd, err = t.walk(dir, func(at int, name string) (int, error) {
		made = false
		fd, err := openStep(at, name)
		if err != unix.ENOENT {
			return fd, err
		}
		err = unix.Mkdirat(at, name, 0o700)
		if made = err == nil; err != nil && err != unix.EEXIST {
			return -1, err
		}
		if made {
			t.synced.names(at, name)
		}
		return openStep(at, name)
	})
	return fd, made, err
}

// openAtOnce has errors of the kernel alone.
func (t *outTree) openAtOnce(dir string) (int, error) {
	if t.stepwise {
		return -1, unix.ENOSYS
	}
	return unix.Openat2(int(t.root.Fd()), dir, &unix.OpenHow{Flags: pathOnly, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS})
}

// walk goes down element by element. It is for old kernels, for paths that are too
// long for one call, for calls that were interrupted, and to name the element that is
// in the way.
func (t *outTree) walk(dir string, step func(at int, name string) (int, error)) (int, error) {
	at, err := openStep(int(t.root.Fd()), ".")
	if err != nil || dir == "." {
		return at, err
	}
	end := -1
	for name := range strings.SplitSeq(dir, "/") {
		end += 1 + len(name)
		next, err := step(at, name)
		unix.Close(at)
		if err != nil {
			return -1, pathError(dir[:end], err)
		}
		at = next
	}
	return at, nil
}

func openStep(at int, name string) (fd int, err error) {
	for {
		if fd, err = unix.Openat(at, name, pathOnly|unix.O_NOFOLLOW, 0); err != unix.EINTR {
			return fd, err
		}
	}
}

// pathError names the folder. What is no folder is in the way: fs.ErrExist.
func pathError(dir string, err error) error {
	switch err {
	case nil:
		return nil
	case unix.ENOTDIR, unix.ELOOP:
		return fmt.Errorf("%q is there already, and no folder: %w", dir, fs.ErrExist)
	}
	return &fs.PathError{Op: "open", Path: dir, Err: err}
}

// openFolder keeps the folder open in which a worker last was, so that neighbours are
// reached without walking down again.
type openFolder struct {
	tree  *outTree
	path  string
	fd    int
	open  bool
	named bool // something got a name in it
}

// make returns the descriptor of a folder, made if it is not there. The descriptor
// is valid until the next call.
func (d *openFolder) make(dir string) (int, error) { return d.enter(dir, d.tree.make) }

// find is make for a folder that must be there.
func (d *openFolder) find(dir string) (int, error) { return d.enter(dir, d.tree.open) }

func (d *openFolder) enter(dir string, open func(string) (int, error)) (int, error) {
	if d.open && d.path == dir {
		return d.fd, nil
	}
	d.close()
	fd, err := open(dir)
	if err != nil {
		return -1, err
	}
	d.path, d.fd, d.open, d.named = dir, fd, true, false
	return fd, nil
}

// close has what got a name in the folder be durable.
func (d *openFolder) close() {
	if !d.open {
		return
	}
	if d.named {
		d.tree.synced.names(d.fd, d.path)
	}
	unix.Close(d.fd)
	d.open = false
}
