package scan

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Dirs keeps the folder open whose entries are being read: entries come
// sorted, so the next one is most often in the same.
type Dirs struct {
	src    *Source
	path   string
	dir    vfs.Dir    // nil: none is open
	volume vfs.Volume // of dir
}

// Dirs is for one reader of the source. Close it.
func (s *Source) Dirs() *Dirs { return &Dirs{src: s} }

// Of returns the open folder of an entry, and its name there.
func (c *Dirs) Of(path string) (vfs.Dir, string, error) {
	dir, name := c.src.split(path)
	if c.dir != nil && c.path == dir {
		return c.dir, name, nil
	}
	c.Close()
	d, err := c.src.tree.OpenDir(dir)
	if err != nil {
		return nil, "", err
	}
	c.dir, c.path, c.volume = d, dir, d.Volume()
	return d, name, nil
}

// Absent reports whether an entry is not in the source now, for certain.
func (c *Dirs) Absent(path string) bool {
	gone := func(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }
	dir, name, err := c.Of(path)
	if err == nil {
		_, err = dir.StatFresh(name)
	}
	return gone(err) && c.src.Lost() == nil
}

func (c *Dirs) Close() {
	if c.dir != nil {
		c.dir.Close()
		c.dir = nil
	}
}

// Open opens a regular file; it may have become something else since the scan.
func (c *Dirs) Open(ctx context.Context, path string) (vfs.TreeFile, error) {
	dir, name, err := c.Of(path)
	if err != nil {
		return nil, err
	}
	return openLeased(ctx, dir, name)
}

// unsettled returns how long to wait before an entry of the folder that looks like
// this is read.
func (c *Dirs) unsettled(i *vfs.Info, it *Item) time.Duration {
	mtime, ctime := i.Mtime.UnixNano(), i.Ctime.UnixNano()
	return c.src.clock.unsettled(c.volume, i.Dev, mtime, ctime, mtime == it.Mtime && ctime == it.Ctime)
}

// Settled reports whether an entry of the folder may be read that looks as the scan saw it.
func (c *Dirs) Settled(it *Item) bool {
	return c.src.clock.unsettled(c.volume, 0, it.Mtime, it.Ctime, true) == 0
}

// File is an open file of the source, and what it was before its reading.
type File struct {
	vfs.TreeFile
	Info   vfs.Info
	Volume vfs.Volume
	Young  bool // its tick was not over when it was opened

	fetched *Fetched // nil: the file is open
}

// settleTries is how often a file is waited for that was changed again meanwhile.
const settleTries = 2

// Begin looks at a file before it is read, and waits until it is settled. One that
// does not get there has changed; with unstable times that is not asked.
func (c *Dirs) Begin(ctx context.Context, f vfs.TreeFile, it *Item, unstable bool) (*File, error) {
	for try := 0; ; try++ {
		info, err := f.Stat()
		if err != nil {
			return nil, err
		}
		if info.Mode&unix.S_IFMT != unix.S_IFREG {
			return nil, ErrChanged
		}
		wait := c.unsettled(&info, it)
		c.src.clock.note(c.volume, info.Dev, info.Ctime.UnixNano())
		if wait == 0 || unstable {
			return &File{TreeFile: f, Info: info, Volume: c.volume, Young: wait > 0}, nil
		}
		if try == settleTries {
			return nil, ErrChanged
		}
		if err := sleep(ctx, wait); err != nil {
			return nil, DeviceError{err}
		}
		if now, err := f.Stat(); err == nil && identityOf(&now) == identityOf(&info) {
			return &File{TreeFile: f, Info: info, Volume: c.volume}, nil
		}
	}
}

var (
	ErrChanged = errors.New("changed while it was read")
	ErrLonger  = errors.New("has more content than its size says")
	ErrShorter = errors.New("has less content than its size says")
)

func (f *File) ID() FileID { return identityOf(&f.Info) }

func identityOf(i *vfs.Info) FileID {
	return FileID{Size: i.Size, Mtime: i.Mtime.UnixNano(), Ctime: i.Ctime.UnixNano(), Dev: i.Dev, Ino: i.Ino}
}

// Unchanged looks again after reading.
func (f *File) Unchanged() bool {
	now, err := f.Stat()
	return err == nil && identityOf(&now) == f.ID()
}

// Whole is a file that was read in one go, and looked at afterwards; nil if it is not the
// one that the scan saw, or has holes.
func (c *Dirs) Whole(f vfs.TreeFile, it *Item, info vfs.Info) *File {
	looked := &File{TreeFile: f, Info: info, Volume: c.volume}
	if !looked.takenWhole(it) {
		return nil
	}
	return looked
}

// Holes reports whether the file has holes for certain.
func (f *File) Holes() bool { return f.Sparse() && f.Volume.TrustHoles }

// Doubtful reports whether the file may have holes that its file system does not tell right.
func (f *File) Doubtful() bool { return f.Sparse() && !f.Volume.TrustHoles }

// WrittenUnseen reports whether somebody could write to the file unseen; a server's files are not asked.
func (f *File) WrittenUnseen() bool {
	if f.fetched != nil {
		return f.fetched.Written
	}
	return !f.Volume.Remote && f.Written()
}

// Xattrs are the file's extended attributes; the second result counts those that could not
// be read or kept.
func (f *File) Xattrs(x *XattrReader) ([]manifest.Xattr, int) {
	if f.fetched != nil {
		return f.fetched.Xattrs, f.fetched.Lost
	}
	return x.Read(f.Attributes())
}

// Sparse reports whether the file may have holes.
func (f *File) Sparse() bool { return f.Info.Allocated < f.Info.Size }

// NextData returns the next run of data at or after off: [from, to). Holes are not
// read, if the file system is known to tell them right. An answer that makes no
// sense is no hole.
func (f *File) NextData(off int64) (from, to int64) {
	size := f.Info.Size
	if !f.Sparse() || !f.Volume.TrustHoles {
		return off, size
	}
	from, to = f.Data(off, size)
	if from < off || from > size || to > size || to <= from && from < size {
		return off, size
	}
	return from, to
}

// Meta fills mode, owner, times and extended attributes.
func (s *Source) Meta(r *manifest.Record, i *vfs.Info, xattrs []manifest.Xattr) {
	r.Mode = i.Mode & 07777
	r.UID, r.GID = i.UID, i.GID
	r.Owner, r.Group = s.owners.user(i.UID), s.owners.group(i.GID)
	r.Mtime, r.Ctime = i.Mtime.UTC(), i.Ctime.UTC()
	r.Xattrs = xattrs
}

// maxXattr bounds one attribute, name and value, so that it fits a record's list
// item of 60,000 bytes.
const maxXattr = 60000 - 2

// XattrReader reads extended attributes, POSIX ACLs among them, by way of its
// buffers, which begin small: many readers are at work at once. The zero value is one.
type XattrReader struct{ names, value []byte }

// Sizes of a buffer: at first, and what the system gives at most.
const (
	firstXattrs = 1 << 10
	mostXattrs  = 64 << 10
)

// growing calls again with the largest buffer what the first was too short for.
func growing(buf *[]byte, call func(dest []byte) (int, error)) (int, error) {
	if *buf == nil {
		*buf = make([]byte, firstXattrs)
	}
	n, err := call(*buf)
	if errors.Is(err, unix.ERANGE) && len(*buf) < mostXattrs {
		*buf = make([]byte, mostXattrs)
		n, err = call(*buf)
	}
	return n, err
}

// Read leaves out attributes that cannot be read or kept; the second result
// counts them.
func (x *XattrReader) Read(a vfs.Attributes) ([]manifest.Xattr, int) {
	n, err := growing(&x.names, a.List)
	if err != nil && !errors.Is(err, unix.ENOTSUP) {
		return nil, 1
	}
	if err != nil || n <= 0 {
		return nil, 0
	}
	var out []manifest.Xattr
	lost, total := 0, 0
	for _, name := range bytes.Split(bytes.TrimSuffix(x.names[:n], []byte{0}), []byte{0}) {
		size, err := growing(&x.value, func(dest []byte) (int, error) { return a.Get(string(name), dest) })
		if err != nil || size+len(name) > maxXattr || len(name) > 255 || len(name) == 0 || total+manifest.XattrSize(len(name), size) > manifest.MaxXattrs {
			lost++
			continue
		}
		total += manifest.XattrSize(len(name), size)
		out = append(out, manifest.Xattr{Name: string(name), Value: slices.Clone(x.value[:size])})
	}
	slices.SortFunc(out, func(a, b manifest.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return out, lost
}
