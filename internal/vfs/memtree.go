package vfs

import (
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// MemTree is a site's folder in memory, for tests and simulations. It may be
// changed while it is read, as people do, and OnCall lets reads fail.
//
// Paths are those of Tree; folders above a path are made as needed. Its methods
// may be called at once from many goroutines.
type MemTree struct {
	now  func() time.Time
	mu   sync.Mutex
	hook func(TreeCall) error
	ino  uint64
	root *treeNode

	volume Volume
}

// TreeCall is a call that is about to be made on a MemTree: open (of a file or a
// folder), readdir, stat, read.
type TreeCall struct {
	Op     OpKind
	Path   string
	Offset int64 // read
	Length int64 // read
}

type treeNode struct {
	mode         uint32
	ino, nlink   uint64
	dev          uint64 // its file system
	mtime, ctime time.Time
	data         []byte // of a file; a symbolic link's target
	children     map[string]*treeNode
	xattrs       map[string][]byte
	holes        []treeHole // what Data tells as holes, by offset
}

// NewMemTree makes an empty folder. now tells the time of changes; nil is time.Now.
func NewMemTree(now func() time.Time) *MemTree {
	if now == nil {
		now = time.Now
	}
	t := &MemTree{now: now, volume: Volume{FS: "mem", ID: "mem", Root: "ino:1", StableInodes: true, TrustHoles: true}}
	t.root = t.node(syscall.S_IFDIR | 0o755)
	return t
}

func (t *MemTree) node(mode uint32) *treeNode {
	t.ino++
	n := &treeNode{mode: mode, ino: t.ino, nlink: 1, dev: 1, mtime: t.now()}
	n.ctime = n.mtime
	if n.isDir() {
		n.children = map[string]*treeNode{}
	}
	return n
}

func (n *treeNode) isDir() bool { return n.mode&syscall.S_IFMT == syscall.S_IFDIR }

// OnCall has f called before each call that reads. An error from f is the call's.
// f may change the tree.
func (t *MemTree) OnCall(f func(TreeCall) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hook = f
}

// begin asks the hook, and takes the lock if the call may go on.
func (t *MemTree) begin(c TreeCall) error {
	t.mu.Lock()
	if t.hook == nil {
		return nil
	}
	hook := t.hook
	t.mu.Unlock()
	if err := hook(c); err != nil {
		return &fs.PathError{Op: string(c.Op), Path: c.Path, Err: err}
	}
	t.mu.Lock()
	return nil
}

// walk finds a node below the root. The caller holds the lock.
func (t *MemTree) walk(path string) (*treeNode, error) {
	n := t.root
	if path == "" {
		return n, nil
	}
	for name := range strings.SplitSeq(path, "/") {
		switch n.mode & syscall.S_IFMT {
		case syscall.S_IFDIR:
		case syscall.S_IFLNK:
			return nil, syscall.ELOOP
		default:
			return nil, syscall.ENOTDIR
		}
		if name == "" || name == "." || name == ".." {
			return nil, syscall.EXDEV
		}
		next := n.children[name]
		if next == nil {
			return nil, syscall.ENOENT
		}
		n = next
	}
	return n, nil
}

// put gives path a node and returns what was there.
func (t *MemTree) put(path string, n *treeNode) *treeNode {
	dir := t.root
	elements := strings.Split(path, "/")
	for _, name := range elements[:len(elements)-1] {
		next := dir.children[name]
		if next == nil || !next.isDir() {
			next = t.node(syscall.S_IFDIR | 0o755)
			dir.children[name] = next
		}
		dir = next
	}
	name := elements[len(elements)-1]
	old := dir.children[name]
	if n == nil {
		delete(dir.children, name)
	} else {
		dir.children[name] = n
	}
	dir.mtime = t.now()
	dir.ctime = dir.mtime
	return old
}

// WriteFile gives a file this content: in place, if it is there.
func (t *MemTree) WriteFile(path string, data []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.walk(path)
	if err != nil || n.mode&syscall.S_IFMT != syscall.S_IFREG {
		n = t.node(syscall.S_IFREG | 0o644)
		t.put(path, n)
	}
	n.data, n.holes = slices.Clone(data), nil
	n.mtime = t.now()
	n.ctime = n.mtime
}

// Make makes a folder, a pipe, a socket or a device: mode is st_mode.
func (t *MemTree) Make(path string, mode uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(path, t.node(mode))
}

// Symlink makes a symbolic link.
func (t *MemTree) Symlink(target, path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := t.node(syscall.S_IFLNK | 0o777)
	n.data = []byte(target)
	t.put(path, n)
}

// Link gives a file that is there a further name.
func (t *MemTree) Link(path, further string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.walk(path)
	if err != nil {
		return &fs.PathError{Op: "link", Path: path, Err: err}
	}
	n.nlink++
	n.ctime = t.now()
	t.put(further, n)
	return nil
}

// Remove removes a name with all that is below it.
func (t *MemTree) Remove(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, err := t.walk(path); err == nil && path != "" {
		n.nlink--
		n.ctime = t.now()
		t.put(path, nil)
	}
}

// SetVolume makes the tree another medium, or one of another kind.
func (t *MemTree) SetVolume(v Volume) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.volume = v
}

// Volume is Tree.Volume, as it is now.
func (t *MemTree) Volume() Volume {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.volume
}

// Check is Tree.Check: the root is opened and listed, which OnCall lets fail. It
// is never sure.
func (t *MemTree) Check() (sure bool, err error) {
	for _, op := range []OpKind{OpOpen, OpReadDir} {
		if err := t.begin(TreeCall{Op: op}); err != nil {
			return false, err
		}
		t.mu.Unlock()
	}
	return false, nil
}

// Close is Tree.Close; the tree can still be used.
func (t *MemTree) Close() error { return nil }

// OpenDir is Tree.OpenDir.
func (t *MemTree) OpenDir(path string) (Dir, error) {
	if err := t.begin(TreeCall{Op: OpOpen, Path: path}); err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	n, err := t.walk(path)
	if err == nil && !n.isDir() {
		if err = syscall.ENOTDIR; n.mode&syscall.S_IFMT == syscall.S_IFLNK {
			err = syscall.ELOOP
		}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return &memDir{t, n, path}, nil
}

// memDir is an open folder: it stays one if its name is given to something else.
type memDir struct {
	t    *MemTree
	n    *treeNode
	path string
}

func (d *memDir) Close() error { return nil }

func (d *memDir) join(name string) string {
	if d.path == "" {
		return name
	}
	return d.path + "/" + name
}

func (d *memDir) Names(f func(name string, dir bool) error) error {
	if err := d.t.begin(TreeCall{Op: OpReadDir, Path: d.path}); err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(d.n.children))
	dirs := make([]bool, len(names))
	for i, name := range names {
		dirs[i] = d.n.children[name].isDir()
	}
	d.t.mu.Unlock()
	for i, name := range names {
		if err := f(name, dirs[i]); err != nil {
			return err
		}
	}
	return nil
}

// child finds an entry; the caller unlocks if there is no error.
func (d *memDir) child(op OpKind, name string) (*treeNode, error) {
	if err := d.t.begin(TreeCall{Op: op, Path: d.join(name)}); err != nil {
		return nil, err
	}
	n := d.n.children[name]
	if name == "." {
		n = d.n
	}
	if n == nil {
		d.t.mu.Unlock()
		return nil, &fs.PathError{Op: string(op), Path: d.join(name), Err: syscall.ENOENT}
	}
	return n, nil
}

func (d *memDir) Volume() Volume {
	v := d.t.Volume()
	v.Root = ""
	return v
}

func (d *memDir) StatFresh(name string) (Info, error) { return d.Stat(name) }

func (d *memDir) Stat(name string) (Info, error) {
	n, err := d.child(OpStat, name)
	if err != nil {
		return Info{}, err
	}
	defer d.t.mu.Unlock()
	return n.info(), nil
}

func (n *treeNode) info() Info {
	size := int64(len(n.data))
	return Info{Mode: n.mode, UID: 1000, GID: 1000, Size: size, Allocated: size - n.hidden(), Mtime: n.mtime, Ctime: n.ctime, Dev: n.dev, Ino: n.ino, Nlink: n.nlink}
}

func (d *memDir) Open(name string) (TreeFile, error) {
	n, err := d.child(OpOpen, name)
	if err != nil {
		return nil, err
	}
	defer d.t.mu.Unlock()
	if n.mode&syscall.S_IFMT == syscall.S_IFLNK {
		return nil, &fs.PathError{Op: "open", Path: d.join(name), Err: syscall.ELOOP}
	}
	return &memTreeFile{d.t, n, d.join(name)}, nil
}

func (d *memDir) Readlink(name string, max int) (string, error) {
	n, err := d.child(OpRead, name)
	if err != nil {
		return "", err
	}
	defer d.t.mu.Unlock()
	switch {
	case n.mode&syscall.S_IFMT != syscall.S_IFLNK:
		return "", syscall.EINVAL
	case len(n.data) > max:
		return "", syscall.ENAMETOOLONG
	}
	return string(n.data), nil
}

// memTreeFile is an open file; it lives on without its name.
type memTreeFile struct {
	t    *MemTree
	n    *treeNode
	path string
}

func (f *memTreeFile) Close() error           { return nil }
func (f *memTreeFile) Attributes() Attributes { return memAttributes{f.t, f.n, f.path} }

func (f *memTreeFile) Stat() (Info, error) {
	if err := f.t.begin(TreeCall{Op: OpStat, Path: f.path}); err != nil {
		return Info{}, err
	}
	defer f.t.mu.Unlock()
	return f.n.info(), nil
}

func (f *memTreeFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.t.begin(TreeCall{Op: OpRead, Path: f.path, Offset: off, Length: int64(len(p))}); err != nil {
		return 0, err
	}
	defer f.t.mu.Unlock()
	if f.n.isDir() {
		return 0, syscall.EISDIR
	}
	n := copy(p, f.n.data[min(max(off, 0), int64(len(f.n.data))):])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memTreeFile) ReadSome(p []byte, off int64) (int, error) {
	n, err := f.ReadAt(p, off)
	if err == io.EOF {
		err = nil
	}
	return n, err
}

func (f *memTreeFile) Written() bool { return false }
