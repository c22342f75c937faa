package vfs

// Mount puts a folder, with all that is below it, onto another file system.
func (t *MemTree) Mount(path string, dev uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, err := t.walk(path); err == nil {
		n.mount(dev)
	}
}

func (n *treeNode) mount(dev uint64) {
	n.dev = dev
	for _, below := range n.children {
		below.mount(dev)
	}
}
