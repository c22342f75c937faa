package vfs

import "syscall"

// Chmod changes an entry's permissions, and its ctime with them. Reads are not
// refused because of it: OnCall does that.
func (t *MemTree) Chmod(path string, perm uint32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n, err := t.walk(path); err == nil {
		n.mode = n.mode&syscall.S_IFMT | perm&07777
		n.ctime = t.now()
	}
}
