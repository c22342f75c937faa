package importer

import "sync"

// uploadsLeft counts the uploads that a start may have left in the target. One that is
// tried to be aborted again, at the end or in place of another, counts once.
type uploadsLeft struct {
	mu  sync.Mutex
	n   uint64
	ids map[string]struct{}
}

// maxUploadsLeft bounds the ids that are remembered: of uploads beyond it, those which
// are tried again count again.
const maxUploadsLeft = 1 << 16

// count is how many there are.
func (u *uploadsLeft) count() uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.n
}

// add counts uploads of which no id is known.
func (u *uploadsLeft) add(n uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.n += n
}

// named counts one that could not be aborted, and tells whether it is news.
func (u *uploadsLeft) named(id string) (news bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, ok := u.ids[id]; ok {
		return false
	}
	u.n++
	if len(u.ids) < maxUploadsLeft {
		if u.ids == nil {
			u.ids = map[string]struct{}{}
		}
		u.ids[id] = struct{}{}
	}
	return true
}

// gone takes one back that could be aborted after all.
func (u *uploadsLeft) gone(id string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if _, ok := u.ids[id]; ok {
		delete(u.ids, id)
		u.n--
	}
}
