package simulator

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/sledge-io/sledge/internal/vfs"
)

// failing has f refuse calls on the source, until the next failing; nil ends it. What
// it has refused is kept, by path: that is the store's excuse, and the only one.
func (m *model) failing(f func(vfs.TreeCall) error) {
	if f == nil {
		m.tree.OnCall(nil)
		return
	}
	m.tree.OnCall(func(c vfs.TreeCall) error {
		err := f(c)
		if err != nil {
			m.refuse(c)
		}
		return err
	})
}

// failForGood has looks at paths fail from now on; nobody mends that.
func (l *life) failForGood(is func(path string) bool) {
	l.model.fails = is
	l.model.failing(func(c vfs.TreeCall) error {
		if c.Op != vfs.OpXattr && is(c.Path) {
			return syscall.EIO
		}
		return nil
	})
}

func (m *model) refuse(c vfs.TreeCall) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refused == nil {
		m.refused = map[string][]vfs.OpKind{}
	}
	if !slices.Contains(m.refused[c.Path], c.Op) {
		m.refused[c.Path] = append(m.refused[c.Path], c.Op)
		m.refusals = append(m.refusals, m.refusal(c))
	}
}

// refusal names a call that was refused by when it came, and at what. The caller holds
// the lock.
func (m *model) refusal(c vfs.TreeCall) Trouble {
	when, what := "scan", "file"
	if m.begun {
		when = "load"
	}
	switch content := m.now[c.Path]; {
	case content == "dir", c.Path == "":
		what = "folder"
	case !isFile(content):
		what = "link"
	}
	return Trouble(fmt.Sprintf("%s of a %s fails in the %s", c.Op, what, when))
}

// begin is the first change of the device: the scan is over.
func (m *model) begin() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.begun = true
	return nil
}

func (m *model) loading() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.begun
}

// lookFailed tells whether a call other than for attributes was refused in this session
// at a path or at a folder above it, the root included.
func (s *session) lookFailed(path string) bool {
	notAttrs := func(op vfs.OpKind) bool { return op != vfs.OpXattr }
	for ; path != ""; path = parentOf(path) {
		if slices.ContainsFunc(s.refused[path], notAttrs) {
			return true
		}
	}
	return slices.ContainsFunc(s.refused[""], notAttrs)
}

// attrsFailed tells whether attributes of an entry were refused in this session, under
// any of its names.
func (s *session) attrsFailed(path string) bool {
	return slices.ContainsFunc(append(s.names[path], path), func(name string) bool {
		return slices.Contains(s.refused[name], vfs.OpXattr)
	})
}

// excused tells whether the store has given a reason for a remark on a path: a call was
// refused, or it has changed meanwhile.
func (s *session) excused(path string) bool {
	_, steady := s.only(path)
	return !steady || s.lookFailed(path) || s.attrsFailed(path)
}
