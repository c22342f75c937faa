package importer

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/sledge-io/sledge/internal/durable"
	ourvfs "github.com/sledge-io/sledge/internal/vfs"
)

// journalFS lets pebble work on our file system, so that crash tests see every
// call. The state folder's own lock stands in for pebble's.
//
// After the first write that fails, pebble would panic in goroutines of its own,
// for it cannot know what is on the disk any more. So it never learns of it: from
// then on nothing reaches the disk, which stays as a crash at that moment would
// leave it, and the journal asks frozen after every call.
type journalFS struct {
	disk ourvfs.FS
	ice  *ice
}

var _ vfs.FS = journalFS{}

// ice is the state of a journal's disk: frozen once a write has failed.
type ice struct {
	mu    sync.Mutex
	err   error       // the first failure
	melt  *ourvfs.Mem // where files are made since then
	files map[string]string
}

// frozen is the failure of a write, if there was one.
func (i *ice) frozen() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.err
}

// do makes a change, unless one has failed before; the first that fails is said to
// be done, too.
func (i *ice) do(change func() error) error {
	if i.frozen() != nil {
		return nil
	}
	if err := change(); err != nil {
		i.freeze(err)
	}
	return nil
}

// freeze says that nothing of the journal can be believed any more, and why.
func (i *ice) freeze(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.err == nil {
		i.err, i.melt, i.files = err, ourvfs.NewMem(ourvfs.MemOptions{Capacity: meltSize}), map[string]string{}
	}
}

// meltSize bounds what pebble may still write before it is closed.
const meltSize = 64 << 20

// file gives a file that was made, or is made, on the ice; nil if it is elsewhere.
func (i *ice) file(name string, make bool) ourvfs.File {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.err == nil {
		return nil
	}
	if make {
		i.files[name] = strconv.Itoa(len(i.files))
		f, err := i.melt.Create(i.files[name], ourvfs.CreateOptions{})
		if err != nil {
			return nil
		}
		return f
	}
	f, err := i.melt.Open(i.files[name], ourvfs.OpenOptions{Write: true})
	if err != nil {
		return nil
	}
	return f
}

func (j journalFS) Create(name string, _ vfs.DiskWriteCategory) (vfs.File, error) {
	var f ourvfs.File
	err := j.ice.do(func() (err error) {
		f, err = j.disk.Create(name, ourvfs.CreateOptions{})
		if errors.Is(err, fs.ErrExist) {
			if err := j.disk.Remove(name); err != nil {
				return err
			}
			f, err = j.disk.Create(name, ourvfs.CreateOptions{})
		}
		if err == nil && strings.HasPrefix(path.Base(name), "MANIFEST-") {
			// Pebble makes a file that names it before it makes the folder durable: a
			// power cut that kept that one alone would leave a journal that nothing opens.
			if err = j.disk.SyncDir(path.Dir(name)); err != nil {
				f.Close() // nobody gets it
				f = nil
			}
		}
		return err
	})
	if err == nil && f == nil {
		if f = j.ice.file(name, true); f == nil {
			return nil, j.ice.frozen()
		}
	}
	if err != nil {
		return nil, err
	}
	return &journalFile{File: f, name: name, ice: j.ice}, nil
}

func (j journalFS) Link(oldname, newname string) error {
	return j.ice.do(func() error { return j.disk.Link(oldname, newname) })
}

func (j journalFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	return j.open(name, false, opts)
}

func (j journalFS) open(name string, write bool, opts []vfs.OpenOption) (vfs.File, error) {
	f := j.ice.file(name, false)
	if f == nil {
		var err error
		if f, err = j.disk.Open(name, ourvfs.OpenOptions{Write: write}); err != nil {
			return nil, err
		}
	}
	file := &journalFile{File: f, name: name, ice: j.ice}
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
	return &journalDir{fs: j, name: name}, nil
}

// Remove of a file that is not there is pebble's to handle.
func (j journalFS) Remove(name string) (err error) {
	frozen := j.ice.do(func() error {
		if err = j.disk.Remove(name); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return frozen
}

func (j journalFS) RemoveAll(name string) error {
	return j.ice.do(func() error { return durable.RemoveAll(j.disk, name, ourvfs.MaxDirEntries) })
}

func (j journalFS) Rename(oldname, newname string) error {
	return j.ice.do(func() error { return j.disk.Rename(oldname, newname) })
}

func (j journalFS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := j.Rename(oldname, newname); err != nil {
		return nil, err
	}
	if j.ice.frozen() != nil {
		return j.Create(newname, category)
	}
	return j.open(newname, true, nil)
}

func (j journalFS) MkdirAll(dir string, _ os.FileMode) error {
	return j.ice.do(func() error { return durable.MkdirAll(j.disk, dir) })
}

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
	ice           *ice
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

func (f *journalFile) WriteAt(p []byte, off int64) (int, error) {
	err := f.ice.do(func() error {
		_, err := f.File.WriteAt(p, off)
		return err
	})
	return len(p), err
}

func (f *journalFile) Sync() error { return f.ice.do(f.File.Sync) }

// Close closes the file also on the ice: it may be of the disk.
func (f *journalFile) Close() error {
	err := f.File.Close()
	return f.ice.do(func() error { return err })
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

// JournalDir is a folder that pebble has opened to sync it.
type journalDir struct {
	fs   journalFS
	name string
}

var errIsDir = &fs.PathError{Op: "use", Err: errors.New("is a folder")}

func (d *journalDir) Sync() error {
	return d.fs.ice.do(func() error { return d.fs.disk.SyncDir(d.name) })
}

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
func (d *journalDir) Stat() (vfs.FileInfo, error)        { return d.fs.Stat(d.name) }
