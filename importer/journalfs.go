package importer

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sledge-io/sledge/internal/durable"
	ourvfs "github.com/sledge-io/sledge/internal/vfs"
)

// journalFS lets pebble work on our file system, so that crash tests see every
// call. The state folder's own lock stands in for pebble's.
type journalFS struct{ disk ourvfs.FS }

var _ vfs.FS = journalFS{}

func (j journalFS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	f, err := j.disk.Create(name, ourvfs.CreateOptions{})
	if errors.Is(err, fs.ErrExist) {
		if err := j.disk.Remove(name); err != nil {
			return nil, err
		}
		f, err = j.disk.Create(name, ourvfs.CreateOptions{})
	}
	if err != nil {
		return nil, err
	}
	return &journalFile{File: f, name: name}, nil
}

func (j journalFS) Link(oldname, newname string) error { return j.disk.Link(oldname, newname) }

func (j journalFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return j.open(name, false, opts)
}

func (j journalFS) open(name string, write bool, opts []vfs.OpenOption) (vfs.File, error) {
	f, err := j.disk.Open(name, ourvfs.OpenOptions{Write: write})
	if err != nil {
		return nil, err
	}
	file := &journalFile{File: f, name: name}
	for _, opt := range opts {
		opt.Apply(file)
	}
	return file, nil
}

func (j journalFS) OpenReadWrite(name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := j.open(name, true, opts)
	if errors.Is(err, fs.ErrNotExist) {
		return j.Create(name, category)
	}
	return f, err
}

func (j journalFS) OpenDir(name string) (vfs.File, error) {
	return &journalDir{disk: j.disk, name: name}, nil
}

func (j journalFS) Remove(name string) error { return j.disk.Remove(name) }

func (j journalFS) RemoveAll(name string) error {
	return durable.RemoveAll(j.disk, name, ourvfs.MaxDirEntries)
}

func (j journalFS) Rename(oldname, newname string) error { return j.disk.Rename(oldname, newname) }

func (j journalFS) ReuseForWrite(oldname, newname string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	if err := j.disk.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return j.open(newname, true, nil)
}

func (j journalFS) MkdirAll(dir string, _ os.FileMode) error { return durable.MkdirAll(j.disk, dir) }

func (j journalFS) Lock(string) (io.Closer, error) { return io.NopCloser(nil), nil }

func (j journalFS) List(dir string) ([]string, error) {
	entries, err := j.disk.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (j journalFS) Stat(name string) (vfs.FileInfo, error) {
	info, err := j.disk.Stat(name)
	if err != nil {
		return nil, err
	}
	return journalInfo{FileInfo: info}, nil
}

func (j journalFS) PathBase(name string) string    { return path.Base(name) }
func (j journalFS) PathJoin(elem ...string) string { return path.Join(elem...) }
func (j journalFS) PathDir(name string) string     { return path.Dir(name) }
func (j journalFS) Unwrap() vfs.FS                 { return nil }
func (journalInfo) DeviceID() (id vfs.DeviceID)    { return id }

func (j journalFS) GetDiskUsage(string) (vfs.DiskUsage, error) {
	free, total, err := j.disk.Free()
	return vfs.DiskUsage{AvailBytes: uint64(free), TotalBytes: uint64(total), UsedBytes: uint64(total - free)}, err
}

type journalInfo struct{ os.FileInfo }

// journalFile keeps the place of the reads and writes that pebble makes one
// after another.
type journalFile struct {
	ourvfs.File
	name          string
	readAt, wrote int64
}

func (f *journalFile) Read(p []byte) (int, error) {
	n, err := f.ReadAt(p, f.readAt)
	f.readAt += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (f *journalFile) Write(p []byte) (int, error) {
	n, err := f.WriteAt(p, f.wrote)
	f.wrote += int64(n)
	return n, err
}

func (f *journalFile) Stat() (vfs.FileInfo, error) {
	size, err := f.Size()
	return journalInfo{fileInfo{path.Base(f.name), size}}, err
}

func (f *journalFile) Preallocate(int64, int64) error { return nil }
func (f *journalFile) SyncTo(int64) (bool, error)     { return false, nil }
func (f *journalFile) SyncData() error                { return f.Sync() }
func (f *journalFile) Prefetch(int64, int64) error    { return nil }
func (f *journalFile) Fd() uintptr                    { return vfs.InvalidFd }

type fileInfo struct {
	name string
	size int64
}

func (i fileInfo) Name() string       { return i.name }
func (i fileInfo) Size() int64        { return i.size }
func (i fileInfo) Mode() fs.FileMode  { return 0o600 }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return false }
func (i fileInfo) Sys() any           { return nil }

// journalDir is a folder that pebble has opened to sync it.
type journalDir struct {
	disk ourvfs.FS
	name string
}

var errIsDir = &fs.PathError{Op: "use", Err: errors.New("is a folder")}

func (d *journalDir) Sync() error                        { return d.disk.SyncDir(d.name) }
func (d *journalDir) SyncData() error                    { return d.Sync() }
func (d *journalDir) SyncTo(int64) (bool, error)         { return false, nil }
func (d *journalDir) Close() error                       { return nil }
func (d *journalDir) Read([]byte) (int, error)           { return 0, errIsDir }
func (d *journalDir) ReadAt([]byte, int64) (int, error)  { return 0, errIsDir }
func (d *journalDir) Write([]byte) (int, error)          { return 0, errIsDir }
func (d *journalDir) WriteAt([]byte, int64) (int, error) { return 0, errIsDir }
func (d *journalDir) Preallocate(int64, int64) error     { return nil }
func (d *journalDir) Prefetch(int64, int64) error        { return nil }
func (d *journalDir) Fd() uintptr                        { return vfs.InvalidFd }
func (d *journalDir) Stat() (vfs.FileInfo, error)        { return journalFS{d.disk}.Stat(d.name) }
