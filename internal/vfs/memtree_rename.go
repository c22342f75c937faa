package vfs

import "syscall"

// Rename gives a folder another path, above or beside, as mv does. What is in it keeps
// its times: only the names above have changed.
func (t *MemTree) Rename(from, to string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	n, err := t.walk(from)
	switch {
	case err != nil:
		return err
	case from == "" || !n.isDir():
		return syscall.EINVAL
	}
	if _, err := t.walk(to); err == nil {
		return syscall.EEXIST
	}
	t.put(from, nil)
	t.put(to, n)
	n.ctime = t.now()
	return nil
}
