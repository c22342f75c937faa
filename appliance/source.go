package appliance

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// source reads a site's tree. Names are kept byte for byte; nothing in it is
// followed out of it: symbolic links are entries, and every open refuses them.
type source struct {
	root   string
	prefix string // put before every path in the manifest, with a slash, or empty
	names  nameCache
	spill  func() *extsort.Sorter // for folders with very many entries; nil keeps all names in memory
}

func newSource(root, prefix string) (*source, error) {
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
	prefix = strings.Trim(prefix, "/")
	if prefix != "" {
		if err := manifest.CheckPath(prefix); err != nil {
			return nil, err
		}
		prefix += "/"
	}
	return &source{root: abs, prefix: prefix}, nil
}

// item is one line of a scan list.
type item struct {
	path   string // with the prefix
	kind   manifest.Kind
	size   int64
	mtime  int64 // ns
	ctime  int64
	dev    uint64
	ino    uint64
	nlink  uint64
	group  uint64 // link group of a carrier or a further name
	linkTo string // further name: path of the carrier
	reason string // skipped
	detail string
}

func (it *item) orderKey() string {
	if it.kind == manifest.KindDir {
		return it.path + "/"
	}
	return it.path
}

func (s *source) full(path string) string {
	return s.root + "/" + strings.TrimPrefix(path, s.prefix)
}

// dirBatch is how many names are read from a folder at once.
const dirBatch = 4096

// walk calls f for every entry below the root. A folder's names are read whole
// before its entries are visited, in the manifest's order; of very many the names
// are spilled.
func (s *source) walk(f func(*item) error) error {
	names, err := s.list("")
	if err != nil {
		return fmt.Errorf("source %s: %w", s.root, err)
	}
	return s.walkDir("", names, f)
}

func (s *source) walkDir(rel string, names *children, f func(*item) error) error {
	defer names.close()
	return names.each(func(keys []string) error {
		for i, it := range s.stats(rel, keys) {
			if err := s.visit(rel, keys[i], it, f); err != nil {
				return err
			}
		}
		return nil
	})
}

// visit calls f for an entry of the folder rel, and for what is below it.
func (s *source) visit(rel, key string, it *item, f func(*item) error) error {
	if it.kind != manifest.KindDir {
		return f(it)
	}
	below := strings.TrimSuffix(key, "/") + "/"
	names, err := s.list(rel + below)
	if err != nil { // one record says so, not a folder and a skipped entry of one path
		return f(&item{path: it.path, kind: manifest.KindSkipped, reason: "unreadable", detail: "folder: " + cause(err)})
	}
	if err := f(it); err != nil {
		names.close()
		return err
	}
	return s.walkDir(rel+below, names, f)
}

// stats looks at the entries of a folder, several at once where there are many.
func (s *source) stats(rel string, keys []string) []*item {
	items := make([]*item, len(keys))
	look := func(from, to int) {
		for i := from; i < to; i++ {
			name, isDir := strings.CutSuffix(keys[i], "/")
			items[i] = s.stat(rel+name, isDir)
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

// children are a folder's names, folders with a slash behind.
type children struct {
	keys   []string
	sorter *extsort.Sorter // once there are very many
	spill  func() *extsort.Sorter
}

// maxKeys is how many names of one folder are kept in memory.
var maxKeys = 50000

func (c *children) add(key string) error {
	if c.sorter != nil {
		return c.sorter.Add([]byte(key), nil)
	}
	c.keys = append(c.keys, key)
	if len(c.keys) < maxKeys || c.spill == nil {
		return nil
	}
	c.sorter = c.spill()
	for _, k := range c.keys {
		if err := c.sorter.Add([]byte(k), nil); err != nil {
			return err
		}
	}
	c.keys = nil
	return nil
}

// Names are visited in runs: keysAtOnce bounds one, for every folder on the way
// down holds one, minStats is what a goroutine is worth.
const (
	keysAtOnce = 128
	minStats   = 16
)

// each calls f for runs of names, in order.
func (c *children) each(f func(keys []string) error) error {
	if c.sorter == nil {
		slices.Sort(c.keys)
		for keys := range slices.Chunk(c.keys, keysAtOnce) {
			if err := f(keys); err != nil {
				return err
			}
		}
		return nil
	}
	var keys []string
	err := c.sorter.Each(func(k, _ []byte) error {
		if keys = append(keys, string(k)); len(keys) < keysAtOnce {
			return nil
		}
		full := keys
		keys = nil
		return f(full)
	})
	if err == nil && len(keys) > 0 {
		err = f(keys)
	}
	return err
}

func (c *children) close() {
	if c.sorter != nil {
		c.sorter.Close()
	}
}

// list reads a folder's names; close gives back what they hold.
func (s *source) list(rel string) (*children, error) {
	dir, err := os.OpenFile(s.root+"/"+rel, os.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	out := &children{spill: s.spill}
	for {
		list, err := dir.ReadDir(dirBatch)
		for _, e := range list {
			key := e.Name()
			if e.IsDir() {
				key += "/"
			}
			if err := out.add(key); err != nil {
				out.close()
				return nil, err
			}
		}
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			out.close()
			return nil, err
		}
	}
}

func (s *source) stat(rel string, wasDir bool) *item {
	it := &item{path: s.prefix + rel}
	if len(it.path) > manifest.MaxPath {
		sum := crypto.SumSHA256([]byte(it.path)) // so that two long names stay two
		it.path = fmt.Sprintf("%s…%d bytes %x", it.path[:manifest.MaxPath-64], len(it.path), sum[:8])
		it.kind, it.reason, it.detail = manifest.KindSkipped, "name", fmt.Sprintf("path over %d bytes", manifest.MaxPath)
		return it
	}
	var st unix.Stat_t
	if err := unix.Lstat(s.root+"/"+rel, &st); err != nil {
		it.kind, it.reason, it.detail = manifest.KindSkipped, skipReason(err), cause(err)
		return it
	}
	it.size, it.mtime, it.ctime = st.Size, st.Mtim.Nano(), st.Ctim.Nano()
	it.dev, it.ino, it.nlink = uint64(st.Dev), st.Ino, uint64(st.Nlink)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		it.kind = manifest.KindFile
	case unix.S_IFDIR:
		it.kind, it.size = manifest.KindDir, 0
	case unix.S_IFLNK:
		it.kind = manifest.KindSymlink
	default:
		it.kind, it.size, it.reason, it.detail = manifest.KindSkipped, 0, "special", specialName(st.Mode)
	}
	if wasDir && it.kind != manifest.KindDir {
		it.kind, it.size, it.reason, it.detail = manifest.KindSkipped, 0, "changed", "was a folder a moment ago"
	}
	return it
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

func skipReason(err error) string {
	if errors.Is(err, fs.ErrNotExist) {
		return "vanished"
	}
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENOTDIR) {
		return "changed" // it, or a folder above it, has become something else
	}
	return "unreadable"
}

// cause is an error's text without paths, which records and reports hold elsewhere.
func cause(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// sourceFile is an open file of the source.
type sourceFile struct {
	fd int
	st unix.Stat_t
}

func (f *sourceFile) close() { unix.Close(f.fd) }

// readAt reads at least one byte unless the file ends at off.
func (f *sourceFile) readAt(p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(f.fd, p, off)
		if err != unix.EINTR {
			return n, err
		}
	}
}

// open opens a regular file for one pass. The kind may have changed since the scan.
func (s *source) open(path string) (*sourceFile, error) {
	flags := os.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := unix.Open(s.full(path), flags|unix.O_NOATIME, 0)
	if errors.Is(err, unix.EPERM) {
		fd, err = unix.Open(s.full(path), flags, 0)
	}
	if err != nil {
		return nil, err
	}
	sf := &sourceFile{fd: fd}
	err = unix.Fstat(fd, &sf.st)
	// Times go in ticks: a change in the tick of the one before would not show.
	if age := time.Since(time.Unix(sf.st.Ctim.Unix())); err == nil && age >= 0 && age < tick {
		time.Sleep(tick - age)
		err = unix.Fstat(fd, &sf.st)
	}
	if err != nil {
		sf.close()
		return nil, err
	}
	if sf.st.Mode&unix.S_IFMT != unix.S_IFREG {
		sf.close()
		return nil, errChanged
	}
	return sf, nil
}

// tick is no shorter than the system's timer tick, in which file times are counted.
const tick = 11 * time.Millisecond

var errChanged = errors.New("changed while it was read")

func (f *sourceFile) identity() identity { return statIdentity(&f.st) }

func statIdentity(st *unix.Stat_t) identity {
	return identity{size: st.Size, mtime: st.Mtim.Nano(), ctime: st.Ctim.Nano(), dev: uint64(st.Dev), ino: st.Ino}
}

// unchanged stats again after reading.
func (f *sourceFile) unchanged() bool {
	var st unix.Stat_t
	return unix.Fstat(f.fd, &st) == nil && statIdentity(&st) == f.identity()
}

// nextData returns the next run of data at or after off: [from, to). Holes that
// the file system knows are not read.
func (f *sourceFile) nextData(off int64) (from, to int64) {
	size := f.st.Size
	if f.st.Blocks*512 >= size {
		return off, size
	}
	from, err := unix.Seek(f.fd, off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) {
		return size, size
	}
	if err != nil {
		return off, size
	}
	to, err = unix.Seek(f.fd, from, unix.SEEK_HOLE)
	if err != nil || to > size || to <= from {
		to = size
	}
	return min(from, size), to
}

// meta fills mode, owner, times and extended attributes.
func (s *source) meta(r *manifest.Record, st *unix.Stat_t, xattrs []manifest.Xattr) {
	r.Mode = st.Mode & 07777
	r.UID, r.GID = st.Uid, st.Gid
	r.Owner, r.Group = s.names.user(st.Uid), s.names.group(st.Gid)
	r.Mtime, r.Ctime = time.Unix(st.Mtim.Unix()).UTC(), time.Unix(st.Ctim.Unix()).UTC()
	r.Xattrs = xattrs
}

// maxXattr bounds one attribute, name and value, so that it fits a record's list
// item of 60,000 bytes.
const maxXattr = 60000 - 2

// readXattrs reads extended attributes, POSIX ACLs among them, by a pair of
// calls that list and get. Attributes that cannot be read or kept are left out;
// the second result counts them.
func readXattrs(list func([]byte) (int, error), get func(string, []byte) (int, error)) ([]manifest.Xattr, int) {
	var small [512]byte
	n, err := list(small[:])
	buf := small[:]
	if errors.Is(err, unix.ERANGE) {
		buf = make([]byte, 64<<10)
		n, err = list(buf)
	}
	if err != nil || n <= 0 {
		return nil, 0
	}
	var out []manifest.Xattr
	lost := 0
	for _, name := range bytes.Split(bytes.TrimSuffix(buf[:n], []byte{0}), []byte{0}) {
		value := make([]byte, 64<<10)
		size, err := get(string(name), value)
		if err != nil || size+len(name) > maxXattr || len(name) > 255 || len(name) == 0 {
			lost++
			continue
		}
		out = append(out, manifest.Xattr{Name: string(name), Value: slices.Clone(value[:size])})
	}
	slices.SortFunc(out, func(a, b manifest.Xattr) int { return strings.Compare(a.Name, b.Name) })
	return out, lost
}

func (f *sourceFile) xattrs() ([]manifest.Xattr, int) {
	return readXattrs(func(b []byte) (int, error) { return unix.Flistxattr(f.fd, b) },
		func(name string, b []byte) (int, error) { return unix.Fgetxattr(f.fd, name, b) })
}

func pathXattrs(path string) ([]manifest.Xattr, int) {
	return readXattrs(func(b []byte) (int, error) { return unix.Llistxattr(path, b) },
		func(name string, b []byte) (int, error) { return unix.Lgetxattr(path, name, b) })
}

// nameCache remembers owners' and groups' names.
type nameCache struct {
	mu     sync.Mutex
	users  map[uint32]string
	groups map[uint32]string
}

const maxNames = 10000

func (c *nameCache) user(id uint32) string {
	return c.lookup(&c.users, id, func(s string) string {
		if u, err := user.LookupId(s); err == nil {
			return u.Username
		}
		return ""
	})
}

func (c *nameCache) group(id uint32) string {
	return c.lookup(&c.groups, id, func(s string) string {
		if g, err := user.LookupGroupId(s); err == nil {
			return g.Name
		}
		return ""
	})
}

func (c *nameCache) lookup(m *map[uint32]string, id uint32, find func(string) string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if name, ok := (*m)[id]; ok {
		return name
	}
	if *m == nil || len(*m) >= maxNames {
		*m = map[uint32]string{}
	}
	name := find(strconv.FormatUint(uint64(id), 10))
	(*m)[id] = name
	return name
}

// scratch is where a scan without a device spills: the system's folder for
// temporary files.
func scratch() (vfs.FS, func(), error) {
	dir, err := os.MkdirTemp("", "sledge-scan-")
	if err != nil {
		return nil, nil, err
	}
	disk, err := vfs.OS(dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	return disk, func() { vfs.Close(disk); os.RemoveAll(dir) }, nil
}
