package scan

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance/filter"
	"github.com/sledge-io/sledge/appliance/pace"
	"github.com/sledge-io/sledge/appliance/words"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Source reads a site's tree. Names are kept byte for byte; nothing in it is
// followed out of it: symbolic links are entries, and every open refuses them.
type Source struct {
	tree   vfs.Tree
	Root   string // the folder's path
	prefix string // put before every path in the manifest, with a slash, or empty
	id     *Head

	// Concurrency is how many calls are in flight; 0 lets their answers decide.
	Concurrency int
	pace        *pace.Pace // that the last walk ended with

	// Filter leaves entries out; nil takes all.
	Filter *filter.Set

	// Hold marks folders below which nothing may be withdrawn: empty ones, and those of other
	// file systems.
	Hold bool

	home    sync.Once // of the two below
	homeDev uint64
	homeErr error

	unwatch func() bool // no end of a context stops the calls any more; nil where none does
	owners  owners
	clock   clock
	watch   *watch
	spill   func() *extsort.Sorter // for folders with very many entries; nil keeps all names in memory
	keys    int                    // how many names of one folder are kept in memory; 0 is maxKeys
}

// ErrPrefix: nothing can be loaded under such a name.
var ErrPrefix = errors.New("no folder of the manifest can have the name")

// Open opens a source; tree nil is the system's folder root. Close it.
func Open(root, prefix string, tree vfs.Tree) (*Source, error) {
	prefix = strings.Trim(prefix, "/")
	if prefix != "" {
		if err := manifest.CheckPath(prefix); err != nil {
			return nil, fmt.Errorf("%w %q: %w", ErrPrefix, prefix, err)
		}
		prefix += "/"
	}
	if tree != nil {
		return open(tree, root, prefix), nil
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	st, err := os.Stat(abs)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", root, err)
	}
	if !st.IsDir() {
		return nil, fmt.Errorf("source %s is not a folder", root)
	}
	if tree, err = vfs.OSTree(abs); err != nil {
		return nil, fmt.Errorf("source %s: %w", root, err)
	}
	return open(tree, abs, prefix), nil
}

func open(tree vfs.Tree, root, prefix string) *Source {
	s := &Source{tree: tree, Root: root, prefix: prefix, watch: &watch{name: root, check: tree.Check, alive: func() bool { return sampleTree(tree) }}}
	s.clock.opened = time.Now()
	return s
}

// Head says which source this is.
func (s *Source) Head() *Head {
	if s.id == nil {
		v := s.tree.Volume()
		h := newHead(s.Root, s.prefix, v.ID, v.Root)
		s.id = &h
	}
	return s.id
}

// Pace is where the number of calls in flight begins after what the last walk has found.
func (s *Source) Pace() pace.Pace {
	if s.pace == nil {
		return pace.New(s.Concurrency)
	}
	return s.pace.Onward()
}

// Close closes the tree; it was only read, so an error here loses nothing.
func (s *Source) Close() {
	if s.unwatch != nil {
		s.unwatch()
	}
	s.tree.Close()
}

// Item is one line of a scan list.
type Item struct {
	Path   string // with the prefix
	Kind   manifest.Kind
	Size   int64
	Mtime  int64 // ns
	Ctime  int64
	dev    uint64
	Ino    uint64
	nlink  uint64
	Group  uint64 // link group of a carrier or a further name
	LinkTo string // further name: path of the carrier
	Reason string // skipped
	Detail string
	Flags  itemFlags
	way    string // within a walk: the rule that only looks into the folder

	Prior *manifest.Record // the committed record whose content it may still have
}

// itemFlags say what the device knows of an entry that is to be loaded.
type itemFlags uint64

const (
	ItemKnown   itemFlags = 1 << iota // a good version is on the device
	ItemReuse                         // its content may still be the same: size and mtime are
	ItemBelieve                       // nothing has changed but that a look had failed: it need not be read
	ItemFlip                          // a folder where the device has something else
	ItemFolder                        // skipped: a folder that could not be read
	itemSame                          // within a scan: a further name like the device's
	ItemUnsure                        // the device's version may come from another source: its content must not be replaced
	ItemLost                          // of the device's entries: bytes of it are lost
	ItemOurs                          // the device's version is of a list of this very load that an earlier call had begun
	ItemLeftOut                       // within a scan: a filter leaves it out, and all below it
	ItemShut                          // within a scan: a folder whose content a filter leaves out
	ItemHold                          // within a scan: a folder below which nothing is withdrawn
	itemAway                          // within a scan: a folder of another file system than the source's
)

func (it *Item) OrderKey() string {
	if it.Kind == manifest.KindDir {
		return it.Path + "/"
	}
	return it.Path
}

// split cuts a path of the manifest into the folder in the source and the name.
func (s *Source) split(path string) (dir, name string) {
	rel := path[len(s.prefix):]
	i := strings.LastIndexByte(rel, '/')
	return rel[:max(i, 0)], rel[i+1:]
}

// believeLinks reports whether two names with one inode number are one file: not
// where a program or a driver makes the numbers up, such as FUSE, FAT or SMB.
func believeLinks(v vfs.Volume) bool { return v.StableInodes }

// look describes one entry of the folder rel; failed says why the folder is not
// open. stat is one of vfs.Dir's.
func (s *Source) look(rel, key string, dir vfs.Dir, failed error, stat func(vfs.Dir, string) (vfs.Info, error)) *Item {
	name, wasDir := strings.CutSuffix(key, "/")
	it := &Item{Path: s.prefix + rel + name}
	if len(it.Path) > manifest.MaxPath {
		sum := crypto.SumSHA256([]byte(it.Path)) // so that two long names stay two
		it.Path = fmt.Sprintf("%s…%d bytes %x", it.Path[:manifest.MaxPath-64], len(it.Path), sum[:8])
		return it.Skip("name", fmt.Sprintf("path over %d bytes", manifest.MaxPath))
	}
	if err := manifest.CheckPath(it.Path); err != nil { // no system's folder has such a name; a tree of another kind may
		sum := crypto.SumSHA256([]byte(it.Path))
		it.Path = fmt.Sprintf("%s%sbad name %x", s.prefix, visible(rel), sum[:8])
		return it.Skip("name", err.Error())
	}
	if failed != nil {
		return it.Skip(s.SkipReason(failed), words.Cause(failed))
	}
	info, err := stat(dir, name)
	if err != nil {
		return it.Skip(s.SkipReason(err), words.Cause(err))
	}
	it.Describe(&info)
	if wasDir && it.Kind != manifest.KindDir {
		return it.Skip("changed", "was a folder a moment ago")
	}
	return it
}

// visible is a folder's path if it can stand in a manifest, or nothing.
func visible(rel string) string {
	if rel == "" || manifest.CheckPath(strings.TrimSuffix(rel, "/")) != nil {
		return ""
	}
	return rel
}

// Stat describes the entry of a path as it is now.
func (s *Source) Stat(path string) *Item {
	dir, name := s.split(path)
	d, err := s.tree.OpenDir(dir)
	if err == nil {
		defer d.Close()
	}
	if dir != "" {
		dir += "/"
	}
	return s.look(dir, name, d, err, vfs.Dir.StatFresh)
}

// Needs is how much room the file of a path takes: what it has on its own file system,
// where that tells holes right, else its size; 0 if it is not there.
func (s *Source) Needs(path string) int64 {
	dir, name := s.split(path)
	d, err := s.tree.OpenDir(dir)
	if err != nil {
		return 0
	}
	defer d.Close()
	info, err := d.StatFresh(name)
	if err != nil {
		return 0
	}
	if d.Volume().TrustHoles {
		return min(info.Size, info.Allocated)
	}
	return info.Size
}

// Is tells whether an entry still is as the scan saw it.
func (it *Item) Is(i *vfs.Info) bool {
	return i.Ino == it.Ino && i.Size == it.Size && i.Mtime.UnixNano() == it.Mtime && i.Ctime.UnixNano() == it.Ctime
}

// Skip makes it an entry that is not loaded.
func (it *Item) Skip(reason, detail string) *Item {
	it.Kind, it.Size, it.Reason, it.Detail = manifest.KindSkipped, 0, reason, detail
	return it
}

func (it *Item) Describe(info *vfs.Info) {
	it.Size, it.Mtime, it.Ctime = info.Size, info.Mtime.UnixNano(), info.Ctime.UnixNano()
	it.dev, it.Ino, it.nlink = info.Dev, info.Ino, info.Nlink
	switch info.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		it.Kind = manifest.KindFile
	case unix.S_IFDIR:
		it.Kind, it.Size = manifest.KindDir, 0
	case unix.S_IFLNK:
		it.Kind = manifest.KindSymlink
	default:
		it.Skip("special", specialName(info.Mode))
	}
}

func specialName(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFIFO:
		return "named pipe"
	case unix.S_IFSOCK:
		return "socket"
	case unix.S_IFCHR:
		return "character device"
	case unix.S_IFBLK:
		return "block device"
	}
	return "special file"
}

// Failed judges an entry's error: it returns why the source has gone, or nil.
func (s *Source) Failed(err error) error { return s.watch.failed(err) }

// Worked says that something could be read.
func (s *Source) Worked() { s.watch.worked() }

// Lost returns why the source has gone, or nil.
func (s *Source) Lost() error { return s.watch.lost() }

// SkipReason is the reason of an entry that fails by err; the watch hears of it.
func (s *Source) SkipReason(err error) string {
	s.watch.failed(err)
	return skipReason(err)
}

func skipReason(err error) string {
	if errors.Is(err, ErrLonger) || errors.Is(err, ErrShorter) {
		return "changed"
	}
	if errors.Is(err, fs.ErrNotExist) {
		return Vanished
	}
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		return "changed" // it, or a folder above it, has become something else
	}
	return "unreadable"
}
