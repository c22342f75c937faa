package scan

import (
	"context"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Fetched is what an entry's record needs of the source. It is the same whether it was
// read at once or ahead.
type Fetched struct {
	Info    vfs.Info // of a file as it was after its content was read
	Content []byte   // of a file: all that it had
	Target  string   // of a symbolic link; "" if it could not be read
	Xattrs  []manifest.Xattr
	Lost    int // extended attributes that could not be read or kept
	Written bool

	volume vfs.Volume
}

// File is the file that was fetched, as it was looked at afterwards.
func (f *Fetched) File() *File { return &File{Info: f.Info, Volume: f.volume, fetched: f} }

// Look describes a folder or a symbolic link of the source.
func (c *Dirs) Look(it *Item, x *XattrReader) (*Fetched, error) {
	dir, name, err := c.Of(it.Path)
	if err != nil {
		return nil, err
	}
	return lookAt(dir, name, it, x)
}

// lookAt does not ask further where the entry has become another kind.
func lookAt(dir vfs.Dir, name string, it *Item, x *XattrReader) (*Fetched, error) {
	info, err := dir.StatFresh(name)
	if err != nil {
		return nil, err
	}
	f := &Fetched{Info: info}
	if now := (Item{}); now.kindOf(&info) != it.Kind {
		return f, nil
	}
	f.Xattrs, f.Lost = x.Read(dir.Attributes(name))
	if it.Kind == manifest.KindSymlink {
		if f.Target, err = dir.Readlink(name, manifest.MaxPath); err != nil {
			f.Target = ""
		}
	}
	return f, nil
}

// kindOf describes an entry and returns its kind.
func (it *Item) kindOf(info *vfs.Info) manifest.Kind {
	it.Describe(info)
	return it.Kind
}

// Folder is a folder of the source that several goroutines read entries of. The first of
// them opens it, and the last closes it.
type Folder struct {
	src  *Source
	path string

	mu     sync.Mutex
	users  int
	tried  bool
	err    error
	dir    vfs.Dir
	volume vfs.Volume
}

// Folder is that of an entry: last, if that is the one, which may be nil. Whoever gets it
// uses it once, and then calls Leave.
func (s *Source) Folder(last *Folder, it *Item) *Folder {
	path, _ := s.split(it.Path)
	if last != nil && last.path == path {
		last.mu.Lock()
		defer last.mu.Unlock()
		if last.users > 0 || !last.tried {
			last.users++
			return last
		}
	}
	return &Folder{src: s, path: path, users: 1}
}

// Leave says that an entry of the folder is done with.
func (d *Folder) Leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.users--; d.users == 0 && d.dir != nil {
		_ = d.dir.Close() // only read
		d.dir = nil
	}
}

func (d *Folder) open() (vfs.Dir, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.tried {
		d.tried = true
		if d.dir, d.err = d.src.tree.OpenDir(d.path); d.err == nil {
			d.volume = d.dir.Volume()
		}
	}
	return d.dir, d.err
}

// Fetch reads an entry: of a file all its content, into buf, which is longer than the scan
// saw the file. Nil without an error is a file that has to be read another way: just
// changed, of another length, with holes, or none at all any more.
func (d *Folder) Fetch(ctx context.Context, it *Item, buf []byte, x *XattrReader) (*Fetched, error) {
	dir, err := d.open()
	if err != nil {
		return nil, err
	}
	name := it.Path[strings.LastIndexByte(it.Path, '/')+1:]
	if it.Kind != manifest.KindFile {
		f, err := lookAt(dir, name, it, x)
		return f.complete(), err
	}
	if d.src.clock.unsettled(d.volume, 0, it.Mtime, it.Ctime, true) != 0 {
		return nil, nil
	}
	file, err := openLeased(ctx, dir, name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	n, err := file.ReadSome(buf, 0)
	if err != nil || int64(n) != it.Size {
		return nil, err
	}
	f := &Fetched{Content: buf[:n], volume: d.volume}
	if f.Info, err = file.Stat(); err != nil {
		return nil, err
	}
	looked := File{TreeFile: file, Info: f.Info, Volume: d.volume}
	if !looked.takenWhole(it) {
		return nil, nil
	}
	f.Written = looked.WrittenUnseen()
	f.Xattrs, f.Lost = x.Read(file.Attributes())
	return f.complete(), nil
}

// complete is f, or nil if something of it could not be read: whoever reads it another way
// finds out why.
func (f *Fetched) complete() *Fetched {
	if f == nil || f.Lost > 0 {
		return nil
	}
	return f
}

// takenWhole reports whether a file that was read in one go, and looked at afterwards, is
// the one that the scan saw.
func (f *File) takenWhole(it *Item) bool {
	return f.Info.Mode&unix.S_IFMT == unix.S_IFREG && !f.Holes() && it.Is(&f.Info)
}
