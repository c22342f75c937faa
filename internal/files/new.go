package files

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ErrExists: a file of that name is there, with other content.
var ErrExists = errors.New("exists already and is not overwritten")

// New writes a new file of any length and never replaces one: what is there
// with the same content is success, for a command that was killed had written it.
// Returned nil means that file and name are durable.
func New(name string, perm fs.FileMode, write func(io.Writer) error) (size int64, err error) {
	temp := fmt.Sprintf("%s.%s.tmp", name, rand.Text()[:8])
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	var at *fs.PathError
	if errors.As(err, &at) {
		at.Path = name // what the operator asked for
	}
	if err != nil {
		return 0, err
	}
	defer os.Remove(temp) // it has another name by then, or is of no use
	out := bufio.NewWriterSize(f, 1<<20)
	err = errors.Join(write(out), out.Flush())
	size, seekErr := f.Seek(0, io.SeekEnd)
	if err = errors.Join(err, seekErr, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	if _, err := os.Lstat(name); err == nil {
		return size, sameFile(name, temp)
	}
	// A link never replaces; file systems without links, such as those of memory
	// sticks, get a rename, which only a writer in this very moment can spoil.
	if err = os.Link(temp, name); err != nil && !errors.Is(err, fs.ErrExist) {
		err = os.Rename(temp, name)
	}
	if errors.Is(err, fs.ErrExist) {
		return 0, fmt.Errorf("%s: %w", name, ErrExists)
	}
	return size, errors.Join(err, SyncFolder(filepath.Dir(name)))
}

// sameFile is nil if the regular file name holds what temp holds.
func sameFile(name, temp string) error {
	different := fmt.Errorf("%s: %w", name, ErrExists)
	a, errA := os.Lstat(name)
	b, errB := os.Lstat(temp)
	if errA != nil || errB != nil || !a.Mode().IsRegular() || a.Size() != b.Size() {
		return different
	}
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	g, err := os.Open(temp)
	if err != nil {
		return err
	}
	defer g.Close()
	p, q := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		n, errF := io.ReadFull(f, p)
		m, _ := io.ReadFull(g, q)
		if !bytes.Equal(p[:n], q[:m]) {
			return different
		}
		if errF == io.EOF || errF == io.ErrUnexpectedEOF {
			return SyncFolder(filepath.Dir(name))
		}
		if errF != nil {
			return errF
		}
	}
}

// WriteNew writes a file that did not exist, mode 0600 if it is private. It is
// there whole or not at all: a kill leaves NAME.….tmp at most, so that the same
// command can write NAME again.
func WriteNew(name string, b []byte, private bool) error {
	perm := fs.FileMode(0o644)
	if private {
		perm = 0o600
	}
	if _, err := os.Lstat(name); err == nil {
		if sameContent(name, b) {
			return nil // a command that was killed had written it
		}
		return fmt.Errorf("%s: %w", name, ErrExists)
	}
	_, err := New(name, perm, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
	return err
}

// sameContent tells whether a regular file holds exactly b.
func sameContent(name string, b []byte) bool {
	st, err := os.Lstat(name)
	if err != nil || !st.Mode().IsRegular() || st.Size() != int64(len(b)) {
		return false
	}
	have, err := os.ReadFile(name)
	return err == nil && bytes.Equal(have, b)
}

// SyncFolder makes a new name durable.
func SyncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, syscall.EINVAL) {
		return err
	}
	return nil
}
