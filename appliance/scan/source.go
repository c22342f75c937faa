package scan

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

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
	owners owners
	clock  clock
	watch  *watch
	spill  func() *extsort.Sorter // for folders with very many entries; nil keeps all names in memory
	keys   int                    // how many names of one folder are kept in memory; 0 is maxKeys
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

func (s *Source) Close() { s.tree.Close() } // only read, so an error here loses nothing

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

// walk calls f for every entry below the root. A folder's names are read whole
// before its entries are visited, in the manifest's order; of very many the names
// are spilled.
func (s *Source) walk(f func(*Item) error) error {
	names, err := s.list("")
	if err != nil {
		return fmt.Errorf("source %s: %w", s.Root, err)
	}
	if err := s.walkDir("", names, f); err != nil {
		return err
	}
	s.clock.scanned()
	return s.watch.ask()
}

// Entries are handed over in runs, so many of them ahead.
const (
	walkRun   = 256
	walkAhead = 4
)

// walkAhead walks while f works on what was met before. No call of either is left
// when it returns.
func (s *Source) walkAhead(ctx context.Context, f func(*Item) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	runs := make(chan []*Item, walkAhead)
	go func() {
		defer close(runs)
		if err := s.send(ctx, runs); err != nil {
			cancel(err)
		}
	}()
	for run := range runs {
		for _, it := range run {
			if ctx.Err() == nil {
				if err := f(it); err != nil {
					cancel(err)
				}
			}
		}
	}
	return context.Cause(ctx)
}

// send walks and hands over what it meets.
func (s *Source) send(ctx context.Context, runs chan<- []*Item) error {
	run := make([]*Item, 0, walkRun)
	flush := func() error {
		select {
		case runs <- run:
			run = make([]*Item, 0, walkRun)
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := s.walk(func(it *Item) error {
		if run = append(run, it); len(run) < walkRun {
			return ctx.Err()
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return err
}

func (s *Source) walkDir(rel string, names *children, f func(*Item) error) error {
	defer names.close()
	return names.each(func(keys []string) error {
		items := s.stats(rel, keys)
		if err := s.watch.lost(); err != nil {
			return err
		}
		for i, it := range items {
			if err := s.visit(rel, keys[i], it, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// visit calls f for an entry of the folder rel, and for what is below it.
func (s *Source) visit(rel, key string, it *Item, f func(*Item) error) error {
	if it.Kind != manifest.KindDir {
		return f(it)
	}
	below := strings.TrimSuffix(key, "/") + "/"
	names, err := s.list(rel + below)
	if err != nil { // one record says so, not a folder and a skipped entry of one path
		if gone := s.watch.failed(err); gone != nil {
			return gone
		}
		return f(&Item{Path: it.Path, Kind: manifest.KindSkipped, Reason: skipReason(err), Detail: "folder: " + words.Cause(err), Flags: ItemFolder})
	}
	if err := f(it); err != nil {
		names.close()
		return err
	}
	return s.walkDir(rel+below, names, f)
}

// stats looks at the entries of a folder, several at once where there are many.
func (s *Source) stats(rel string, keys []string) []*Item {
	items := make([]*Item, len(keys))
	dir, err := s.tree.OpenDir(strings.TrimSuffix(rel, "/"))
	links := false
	if err == nil {
		defer dir.Close()
		links = believeLinks(dir.Volume())
	}
	look := func(from, to int) {
		for i := from; i < to; i++ {
			if items[i] = s.look(rel, keys[i], dir, err, vfs.Dir.Stat); !links {
				items[i].nlink = 1
			}
		}
	}
	n := max(1, min(runtime.GOMAXPROCS(0), 8, len(keys)/minStats))
	var wg sync.WaitGroup
	for w := 1; w < n; w++ {
		wg.Go(func() { look(w*len(keys)/n, (w+1)*len(keys)/n) })
	}
	look(0, len(keys)/n)
	wg.Wait()
	return items
}

// list reads a folder's names; close gives back what they hold.
func (s *Source) list(rel string) (*children, error) {
	dir, err := s.tree.OpenDir(strings.TrimSuffix(rel, "/"))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	out := &children{spill: s.spill, max: cmp.Or(s.keys, maxKeys)}
	err = dir.Names(func(name string, isDir bool) error {
		if isDir {
			name += "/"
		}
		return out.add(name)
	})
	if err != nil {
		out.close()
		return nil, err
	}
	return out, nil
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
