package appliance

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// sourceDir keeps the folder open whose entries are being read: entries come
// sorted, so the next one is most often in the same.
type sourceDir struct {
	src  *source
	path string
	dir  vfs.Dir // nil: none is open
}

// of returns the open folder of an entry, and its name there.
func (c *sourceDir) of(path string) (vfs.Dir, string, error) {
	dir, name := c.src.split(path)
	if c.dir != nil && c.path == dir {
		return c.dir, name, nil
	}
	c.close()
	d, err := c.src.tree.OpenDir(dir)
	if err != nil {
		return nil, "", err
	}
	c.dir, c.path = d, dir
	return d, name, nil
}

func (c *sourceDir) close() {
	if c.dir != nil {
		c.dir.Close()
		c.dir = nil
	}
}

// open opens a regular file; it may have become something else since the scan.
func (c *sourceDir) open(path string) (vfs.TreeFile, error) {
	dir, name, err := c.of(path)
	if err != nil {
		return nil, err
	}
	return dir.Open(name)
}

// sourceFile is an open file of the source, and what it was before its reading.
type sourceFile struct {
	vfs.TreeFile
	info vfs.Info
}

// begin looks at a file before it is read.
func begin(f vfs.TreeFile) (*sourceFile, error) {
	info, err := f.Stat()
	// A change in the tick of the one before would not show.
	if err == nil && !settled(info.Ctime.UnixNano()) {
		time.Sleep(tick - time.Since(info.Ctime))
		info, err = f.Stat()
	}
	if err != nil {
		return nil, err
	}
	if info.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errChanged
	}
	return &sourceFile{f, info}, nil
}

// tick is no shorter than the system's timer tick, in which file times are counted.
const tick = 11 * time.Millisecond

// settled tells whether a change from now on would get another time. A time in
// the future tells nothing, and no waiting helps.
func settled(ctime int64) bool {
	age := time.Since(time.Unix(0, ctime))
	return age < 0 || age >= tick
}

var errChanged = errors.New("changed while it was read")

func (f *sourceFile) identity() identity { return identityOf(&f.info) }

func identityOf(i *vfs.Info) identity {
	return identity{size: i.Size, mtime: i.Mtime.UnixNano(), ctime: i.Ctime.UnixNano(), dev: i.Dev, ino: i.Ino}
}

// unchanged looks again after reading.
func (f *sourceFile) unchanged() bool {
	now, err := f.Stat()
	return err == nil && identityOf(&now) == f.identity()
}

// nextData returns the next run of data at or after off: [from, to). Holes that
// the file system knows are not read.
func (f *sourceFile) nextData(off int64) (from, to int64) {
	if f.info.Allocated >= f.info.Size {
		return off, f.info.Size
	}
	return f.Data(off, f.info.Size)
}

// meta fills mode, owner, times and extended attributes.
func (s *source) meta(r *manifest.Record, i *vfs.Info, xattrs []manifest.Xattr) {
	r.Mode = i.Mode & 07777
	r.UID, r.GID = i.UID, i.GID
	r.Owner, r.Group = s.owners.user(i.UID), s.owners.group(i.GID)
	r.Mtime, r.Ctime = i.Mtime.UTC(), i.Ctime.UTC()
	r.Xattrs = xattrs
}

// maxXattr bounds one attribute, name and value, so that it fits a record's list
// item of 60,000 bytes.
const maxXattr = 60000 - 2

// xattrReader reads extended attributes, POSIX ACLs among them, by way of its
// buffers.
type xattrReader struct{ names, value [64 << 10]byte }

// read leaves out attributes that cannot be read or kept; the second result
// counts them.
func (x *xattrReader) read(a vfs.Attributes) ([]manifest.Xattr, int) {
	n, err := a.List(x.names[:])
	if err != nil && !errors.Is(err, unix.ENOTSUP) {
		return nil, 1
	}
	if err != nil || n <= 0 {
		return nil, 0
	}
	var out []manifest.Xattr
	lost := 0
	for _, name := range bytes.Split(bytes.TrimSuffix(x.names[:n], []byte{0}), []byte{0}) {
		size, err := a.Get(string(name), x.value[:])
		if err != nil || size+len(name) > maxXattr || len(name) > 255 || len(name) == 0 {
			lost++
			continue
		}
		out = append(out, manifest.Xattr{Name: string(name), Value: slices.Clone(x.value[:size])})
	}
	slices.SortFunc(out, func(a, b manifest.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return out, lost
}
