package vfs

import (
	"errors"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// ErrHalted is what every operation returns after Halt: the power is off.
var ErrHalted = errors.New("the disk's power is off")

// MemOptions configures a Mem. The zero value has no limit.
type MemOptions struct {
	Capacity int64 // bytes of file content and preallocation; 0 means no limit
}

// Mem is a disk in memory which knows what a power cut would leave of it. See
// CrashClone for the rules, OnOp and Halt for choosing the moment. Folders and
// names cost no capacity; holes cost as much as bytes.
type Mem struct {
	mu       sync.Mutex
	root     *memNode
	capacity int64
	used     int64
	ops      int64
	hook     func(Op) error
	halted   bool
}

// memNode is a file or a folder. Names point to nodes, so hard links and open
// files that were removed work as on a real disk.
type memNode struct {
	isDir   bool
	perm    fs.FileMode
	modTime time.Time

	// Folders: what is seen now, what the last SyncDir made durable, and the
	// changes since then in their order.
	entries map[string]*memNode
	durable map[string]*memNode
	changes []*memChange

	// Files: what is seen now, and how to undo and redo what was not synced.
	data     []byte
	reserved int64 // preallocated bytes, counted while larger than data
	pending  []memWrite
	names    int // entries that point here
	handles  int

	locked LockKind
}

// memChange is one folder's side of an operation. A rename has two sides with
// one decision: a crash keeps both or neither, unless a SyncDir has already made
// one of them durable.
type memChange struct {
	dir      *memNode
	name     string
	node     *memNode // nil: the name is removed
	decision *decision
}

// decision is shared by what a crash keeps or loses together. It has a field so
// that two of them never share an address.
type decision struct{ sides []*memChange }

// NewMem returns an empty disk.
func NewMem(o MemOptions) *Mem {
	capacity := o.Capacity
	if capacity == 0 {
		capacity = math.MaxInt64
	}
	return &Mem{root: newMemDir(0o700), capacity: capacity}
}

func newMemDir(perm fs.FileMode) *memNode {
	return &memNode{isDir: true, perm: perm, entries: map[string]*memNode{}, durable: map[string]*memNode{}}
}

// Ops returns how many operations have changed or synced the disk, or tried to:
// create, remove, rename, link, mkdir, syncdir, write, truncate, sync, punch.
func (m *Mem) Ops() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ops
}

// OnOp has fn called before each operation that Ops counts. An error from fn
// fails the operation without effect. fn may call Halt, CrashClone and Ops. It
// runs without a lock, so at once from all goroutines that use the disk. A nil fn
// removes the hook.
func (m *Mem) OnOp(fn func(op Op) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hook = fn
}

// Halt cuts the power: every operation from now on, also on open files, fails
// with ErrHalted and has no effect. CrashClone gives what is left.
func (m *Mem) Halt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.halted = true
}

// begin checks the name of a changing operation, numbers it, calls the hook, and
// returns with the lock held if the operation may go on.
func (m *Mem) begin(op Op) error {
	if err := checkNames(op.Kind, op.Name); err != nil {
		return err
	}
	m.mu.Lock()
	if m.halted {
		m.mu.Unlock()
		return &fs.PathError{Op: string(op.Kind), Path: op.Name, Err: ErrHalted}
	}
	m.ops++
	op.N = m.ops
	if hook := m.hook; hook != nil {
		m.mu.Unlock()
		if err := hook(op); err != nil {
			return &fs.PathError{Op: string(op.Kind), Path: op.Name, Err: err}
		}
		m.mu.Lock()
		if m.halted {
			m.mu.Unlock()
			return &fs.PathError{Op: string(op.Kind), Path: op.Name, Err: ErrHalted}
		}
	}
	return nil
}

// beginRead checks the name of an operation that changes nothing, and takes the lock.
func (m *Mem) beginRead(kind OpKind, name string) error {
	if err := checkNames(kind, name); err != nil {
		return err
	}
	m.mu.Lock()
	if m.halted {
		m.mu.Unlock()
		return &fs.PathError{Op: string(kind), Path: name, Err: ErrHalted}
	}
	return nil
}

// find returns the node of a name. The caller holds the lock.
func (m *Mem) find(kind OpKind, name string) (*memNode, error) {
	node := m.root
	if name == "." {
		return node, nil
	}
	for element := range strings.SplitSeq(name, "/") {
		if !node.isDir {
			return nil, &fs.PathError{Op: string(kind), Path: name, Err: syscall.ENOTDIR}
		}
		next, ok := node.entries[element]
		if !ok {
			return nil, &fs.PathError{Op: string(kind), Path: name, Err: syscall.ENOENT}
		}
		node = next
	}
	return node, nil
}

// findDir returns the node of a folder. The caller holds the lock.
func (m *Mem) findDir(kind OpKind, name string) (*memNode, error) {
	node, err := m.find(kind, name)
	if err == nil && !node.isDir {
		err = &fs.PathError{Op: string(kind), Path: name, Err: syscall.ENOTDIR}
	}
	return node, err
}

// change applies the sides of one operation to what is seen, and notes them for
// the next SyncDir or crash.
func (m *Mem) change(sides ...*memChange) {
	d := &decision{sides: sides}
	now := time.Now()
	for _, c := range sides {
		c.decision = d
		if old := c.dir.entries[c.name]; old != nil {
			old.names--
			m.release(old)
		}
		setEntry(c.dir.entries, c.name, c.node)
		if c.node != nil {
			c.node.names++
		}
		c.dir.changes = append(c.dir.changes, c)
		c.dir.modTime = now
	}
}

func setEntry(entries map[string]*memNode, name string, node *memNode) {
	if node == nil {
		delete(entries, name)
	} else {
		entries[name] = node
	}
}

// release gives the space of a file back when neither a name nor a handle is
// left. The bytes stay, as a crash may bring the name back.
func (m *Mem) release(n *memNode) {
	if n.names == 0 && n.handles == 0 && !n.isDir {
		m.used -= n.cost()
	}
}

func (n *memNode) cost() int64 { return max(int64(len(n.data)), n.reserved) }

// Open opens a file. See FS.
func (m *Mem) Open(name string, o OpenOptions) (File, error) {
	if err := m.beginRead(OpOpen, name); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	node, err := m.find(OpOpen, name)
	if err != nil {
		return nil, err
	}
	if node.isDir {
		return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.EISDIR}
	}
	return m.handle(node, name, o.Write, o.Direct), nil
}

func (m *Mem) handle(node *memNode, name string, write, direct bool) *memFile {
	node.handles++
	return &memFile{m: m, node: node, name: name, write: write, direct: direct}
}

// Create makes a file. See FS.
func (m *Mem) Create(name string, o CreateOptions) (File, error) {
	if err := m.begin(Op{Kind: OpCreate, Name: name, Length: o.Preallocate}); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	dir, err := m.vacant(OpCreate, name)
	if err != nil {
		return nil, err
	}
	if o.Preallocate > m.capacity-m.used {
		return nil, &fs.PathError{Op: "create", Path: name, Err: syscall.ENOSPC}
	}
	node := &memNode{perm: o.Perm, modTime: time.Now(), reserved: max(0, o.Preallocate)}
	if node.perm == 0 {
		node.perm = 0o600
	}
	m.used += node.reserved
	m.change(&memChange{dir: dir, name: path.Base(name), node: node})
	return m.handle(node, name, true, o.Direct), nil
}

// vacant returns the folder in which a name can be made.
func (m *Mem) vacant(kind OpKind, name string) (*memNode, error) {
	dir, err := m.findDir(kind, parent(name))
	if err != nil {
		return nil, err
	}
	if _, ok := dir.entries[path.Base(name)]; ok || name == "." {
		return nil, &fs.PathError{Op: string(kind), Path: name, Err: syscall.EEXIST}
	}
	return dir, nil
}

// Remove removes a file or an empty folder. See FS.
func (m *Mem) Remove(name string) error {
	if err := m.begin(Op{Kind: OpRemove, Name: name}); err != nil {
		return err
	}
	defer m.mu.Unlock()
	node, err := m.find(OpRemove, name)
	if err != nil {
		return err
	}
	if node == m.root {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.EBUSY}
	}
	if len(node.entries) > 0 {
		return &fs.PathError{Op: "remove", Path: name, Err: syscall.ENOTEMPTY}
	}
	dir, err := m.findDir(OpRemove, parent(name))
	if err != nil {
		return err
	}
	m.change(&memChange{dir: dir, name: path.Base(name)})
	return nil
}

// Rename moves a file or folder. See FS.
func (m *Mem) Rename(oldname, newname string) error {
	if err := checkNames(OpRename, newname); err != nil {
		return err
	}
	if err := m.begin(Op{Kind: OpRename, Name: oldname, NewName: newname}); err != nil {
		return err
	}
	defer m.mu.Unlock()
	node, err := m.find(OpRename, oldname)
	if err != nil {
		return err
	}
	olddir, err := m.findDir(OpRename, parent(oldname))
	if err != nil {
		return err
	}
	newdir, err := m.findDir(OpRename, parent(newname))
	if err != nil {
		return err
	}
	replaced := newdir.entries[path.Base(newname)]
	if replaced == node {
		return nil // the same file already, as rename(2) says
	}
	if err := mayReplace(node, replaced, oldname, newname); err != nil {
		return &fs.PathError{Op: "rename", Path: newname, Err: err}
	}
	m.change(
		&memChange{dir: newdir, name: path.Base(newname), node: node},
		&memChange{dir: olddir, name: path.Base(oldname)},
	)
	return nil
}

func mayReplace(node, replaced *memNode, oldname, newname string) error {
	switch {
	case oldname == "." || newname == ".":
		return syscall.EBUSY
	case node.isDir && strings.HasPrefix(newname, oldname+"/"):
		return syscall.EINVAL
	case replaced == nil:
		return nil
	case replaced.isDir && !node.isDir:
		return syscall.EISDIR
	case !replaced.isDir && node.isDir:
		return syscall.ENOTDIR
	case len(replaced.entries) > 0:
		return syscall.ENOTEMPTY
	}
	return nil
}

// Link adds a name to a file. See FS.
func (m *Mem) Link(oldname, newname string) error {
	if err := checkNames(OpLink, newname); err != nil {
		return err
	}
	if err := m.begin(Op{Kind: OpLink, Name: oldname, NewName: newname}); err != nil {
		return err
	}
	defer m.mu.Unlock()
	node, err := m.find(OpLink, oldname)
	if err != nil {
		return err
	}
	if node.isDir {
		return &fs.PathError{Op: "link", Path: oldname, Err: syscall.EPERM}
	}
	dir, err := m.vacant(OpLink, newname)
	if err != nil {
		return err
	}
	m.change(&memChange{dir: dir, name: path.Base(newname), node: node})
	return nil
}

// Mkdir makes a folder. See FS.
func (m *Mem) Mkdir(name string, perm fs.FileMode) error {
	if err := m.begin(Op{Kind: OpMkdir, Name: name}); err != nil {
		return err
	}
	defer m.mu.Unlock()
	dir, err := m.vacant(OpMkdir, name)
	if err != nil {
		return err
	}
	if perm == 0 {
		perm = 0o700
	}
	node := newMemDir(perm)
	node.modTime = time.Now()
	m.change(&memChange{dir: dir, name: path.Base(name), node: node})
	return nil
}

// ReadDir lists a folder. See FS.
func (m *Mem) ReadDir(name string) ([]fs.DirEntry, error) {
	if err := m.beginRead(OpReadDir, name); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	dir, err := m.findDir(OpReadDir, name)
	if err != nil {
		return nil, err
	}
	if len(dir.entries) > MaxDirEntries {
		return nil, &fs.PathError{Op: "readdir", Path: name, Err: ErrTooLarge}
	}
	entries := make([]fs.DirEntry, 0, len(dir.entries))
	for entryName, node := range dir.entries {
		entries = append(entries, fs.FileInfoToDirEntry(node.info(entryName)))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// Stat describes a name. See FS.
func (m *Mem) Stat(name string) (fs.FileInfo, error) {
	if err := m.beginRead(OpStat, name); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	node, err := m.find(OpStat, name)
	if err != nil {
		return nil, err
	}
	return node.info(path.Base(name)), nil
}

// SyncDir makes the entries of a folder durable. See FS. The other side of a
// folder's rename to or from here becomes durable with it, as no real file
// system would leave one folder in two places.
func (m *Mem) SyncDir(name string) error {
	if err := m.begin(Op{Kind: OpSyncDir, Name: name}); err != nil {
		return err
	}
	defer m.mu.Unlock()
	dir, err := m.findDir(OpSyncDir, name)
	if err != nil {
		return err
	}
	dir.syncEntries()
	return nil
}

func (n *memNode) syncEntries() {
	changes := n.changes
	n.changes = nil
	for _, c := range changes {
		setEntry(n.durable, c.name, c.node)
	}
	for _, c := range changes {
		if !c.decision.movesDir() {
			continue
		}
		for _, side := range c.decision.sides {
			if side.dir != n && slices.Contains(side.dir.changes, side) {
				side.dir.syncEntries()
			}
		}
	}
}

func (d *decision) movesDir() bool {
	return len(d.sides) == 2 && d.sides[0].node != nil && d.sides[0].node.isDir
}

// Free returns what the capacity leaves. See FS.
func (m *Mem) Free() (free, total int64, err error) {
	if err := m.beginRead(OpFree, "."); err != nil {
		return 0, 0, err
	}
	defer m.mu.Unlock()
	return m.capacity - m.used, m.capacity, nil
}

// memInfo is a description of a node at one moment.
type memInfo struct {
	name    string
	size    int64
	mode    fs.FileMode
	modTime time.Time
}

func (n *memNode) info(name string) fs.FileInfo {
	mode := n.perm
	if n.isDir {
		mode |= fs.ModeDir
	}
	return memInfo{name: name, size: int64(len(n.data)), mode: mode, modTime: n.modTime}
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return i.size }
func (i memInfo) Mode() fs.FileMode  { return i.mode }
func (i memInfo) ModTime() time.Time { return i.modTime }
func (i memInfo) IsDir() bool        { return i.mode.IsDir() }
func (i memInfo) Sys() any           { return nil }
