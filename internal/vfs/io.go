package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
)

// NewReader reads a file from its beginning. It must not be used on a direct
// file except with aligned buffers. Close the file yourself.
func NewReader(f File) *io.SectionReader {
	return io.NewSectionReader(f, 0, math.MaxInt64)
}

// NewWriter writes to a file one piece after the other, from off on. It buffers
// nothing, so a direct file needs aligned pieces. It does not sync or close.
func NewWriter(f File, off int64) *io.OffsetWriter {
	return io.NewOffsetWriter(f, off)
}

// ReadFile returns the content of a file of at most limit bytes. A longer one is
// ErrTooLarge, before anything is allocated; one that changes its size while it
// is read is io.ErrUnexpectedEOF or ErrTooLarge.
func ReadFile(fsys FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name, OpenOptions{})
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read, so an error here loses nothing
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	tooLarge := &fs.PathError{Op: "read", Path: name,
		Err: fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, size, limit)}
	if size > limit {
		return nil, tooLarge
	}
	// One more byte than the size tells a file that grows.
	data := make([]byte, size+1)
	n, err := f.ReadAt(data, 0)
	switch {
	case err == nil:
		return nil, tooLarge
	case !errors.Is(err, io.EOF):
		return nil, err
	case int64(n) != size:
		return nil, &fs.PathError{Op: "read", Path: name, Err: io.ErrUnexpectedEOF}
	}
	return data[:size:size], nil
}

// Limits bounds a Walk. Zero fields mean 1<<20 entries and 32 levels.
type Limits struct {
	Entries int // all that are met, folders included
	Depth   int // levels of entries; 1 is what lies in the folder itself
}

// Walk calls fn for everything under folder, a folder before what is in it, each
// folder's entries sorted by name. Symbolic links are handed over, never followed.
// It stops at fn's first error; fs.SkipDir from fn for a folder leaves that
// folder out. More than the limits allow is ErrTooLarge.
func Walk(fsys FS, folder string, limits Limits, fn func(name string, d fs.DirEntry) error) error {
	if limits.Entries == 0 {
		limits.Entries = 1 << 20
	}
	if limits.Depth == 0 {
		limits.Depth = 32
	}
	w := walker{fsys: fsys, left: limits.Entries, fn: fn}
	return w.walk(folder, limits.Depth)
}

type walker struct {
	fsys FS
	left int
	fn   func(name string, d fs.DirEntry) error
}

// walk recurses at most depth levels.
func (w *walker) walk(folder string, depth int) error {
	entries, err := w.fsys.ReadDir(folder)
	if err != nil {
		return err
	}
	if len(entries) > w.left || (depth == 0 && len(entries) > 0) {
		return &fs.PathError{Op: "walk", Path: folder, Err: ErrTooLarge}
	}
	w.left -= len(entries)
	for _, d := range entries {
		name := path.Join(folder, d.Name())
		err := w.fn(name, d)
		if d.IsDir() && errors.Is(err, fs.SkipDir) {
			continue
		}
		if err != nil {
			return err
		}
		if !d.IsDir() {
			continue
		}
		if err := w.walk(name, depth-1); err != nil {
			return err
		}
	}
	return nil
}
