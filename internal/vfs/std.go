package vfs

import (
	"io"
	"io/fs"
	"path"
)

// Std shows a disk as a file system of the standard library, read only, for what
// may import nothing of ours. Its files are io.ReaderAt.
func Std(fsys FS) fs.FS { return std{fsys} }

type std struct{ fsys FS }

func (s std) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	info, err := s.fsys.Stat(name)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return &stdDir{fsys: s.fsys, name: name, info: info}, nil
	}
	f, err := s.fsys.Open(name, OpenOptions{})
	if err != nil {
		return nil, err
	}
	return &stdFile{SectionReader: io.NewSectionReader(f, 0, info.Size()), f: f, info: info}, nil
}

type stdFile struct {
	*io.SectionReader
	f    File
	info fs.FileInfo
}

func (f *stdFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *stdFile) Close() error               { return f.f.Close() }

// stdDir lists a folder, from where the call before ended.
type stdDir struct {
	fsys    FS
	name    string
	info    fs.FileInfo
	entries []fs.DirEntry
	listed  bool
}

func (d *stdDir) Stat() (fs.FileInfo, error) { return d.info, nil }
func (d *stdDir) Close() error               { return nil }

func (d *stdDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}

func (d *stdDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if !d.listed {
		entries, err := d.fsys.ReadDir(path.Clean(d.name))
		if err != nil {
			return nil, err
		}
		d.entries, d.listed = entries, true
	}
	if n > 0 && len(d.entries) == 0 {
		return nil, io.EOF
	}
	if n <= 0 || n > len(d.entries) {
		n = len(d.entries)
	}
	out := d.entries[:n]
	d.entries = d.entries[n:]
	return out, nil
}
