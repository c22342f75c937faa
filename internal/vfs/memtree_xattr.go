package vfs

import (
	"bytes"
	"maps"
	"slices"
	"syscall"
)

// SetXattr gives an entry an extended attribute, and its ctime with it; a nil value
// takes it away. A symbolic link has its own.
func (t *MemTree) SetXattr(path, name string, value []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.walk(path)
	if err != nil {
		return
	}
	if n.xattrs == nil {
		n.xattrs = map[string][]byte{}
	}
	n.xattrs[name] = slices.Clone(value)
	if value == nil {
		delete(n.xattrs, name)
	}
	n.ctime = t.now()
}

// Look describes an entry without OnCall's knowing: for who holds a device against
// the tree.
func (t *MemTree) Look(path string) (Info, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.walk(path)
	if err != nil {
		return Info{}, false
	}
	return n.info(), true
}

// memAttributes are those of an entry; n is nil if there is no such entry.
type memAttributes struct {
	t    *MemTree
	n    *treeNode
	path string
}

func (d *memDir) Attributes(name string) Attributes {
	d.t.mu.Lock()
	defer d.t.mu.Unlock()
	return memAttributes{d.t, d.n.children[name], d.join(name)}
}

// List gives the names, each with a NUL behind it.
func (a memAttributes) List(dest []byte) (int, error) {
	if err := a.begin(); err != nil {
		return 0, err
	}
	defer a.t.mu.Unlock()
	var names bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(a.n.xattrs)) {
		names.WriteString(name)
		names.WriteByte(0)
	}
	return give(dest, names.Bytes())
}

// Get gives one attribute's value.
func (a memAttributes) Get(name string, dest []byte) (int, error) {
	if err := a.begin(); err != nil {
		return 0, err
	}
	defer a.t.mu.Unlock()
	value, ok := a.n.xattrs[name]
	if !ok {
		return 0, syscall.ENODATA
	}
	return give(dest, value)
}

// begin takes the lock if the call may go on.
func (a memAttributes) begin() error {
	if err := a.t.begin(TreeCall{Op: OpXattr, Path: a.path}); err != nil {
		return err
	}
	if a.n == nil {
		a.t.mu.Unlock()
		return syscall.ENOENT
	}
	return nil
}

func give(dest, value []byte) (int, error) {
	if len(dest) < len(value) {
		return 0, syscall.ERANGE
	}
	return copy(dest, value), nil
}
