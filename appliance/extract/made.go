package extract

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
)

// fileID is a file in one of its states: whatever is done to the file moves its
// ctime, and a number that is used again comes with another one.
type fileID struct {
	dev, ino  uint64
	sec, nsec int64
}

func idOf(st *unix.Stat_t) fileID {
	return fileID{uint64(st.Dev), st.Ino, int64(st.Ctim.Sec), int64(st.Ctim.Nsec)}
}

// maxMade bounds what a run remembers of the files with several names that it made:
// about 20 MB. A carrier beyond is compared again with what is recorded before
// anything is linked to it.
const maxMade = 1 << 20

// madeFiles tells whether a file in the folder is one that this run wrote or
// compared equal. It keeps a keyed hash of path, recorded content and file state,
// 8 bytes a file.
type madeFiles struct {
	seed  maphash.Seed
	limit int
	mu    sync.Mutex
	files map[uint64]struct{}
}

func newMadeFiles(limit int) *madeFiles {
	return &madeFiles{seed: maphash.MakeSeed(), limit: limit, files: map[uint64]struct{}{}}
}

func (m *madeFiles) has(path string, content uint64, id fileID) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.files[m.key(path, content, id)]
	return ok
}

func (m *madeFiles) add(path string, content uint64, id fileID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.files) < m.limit {
		m.files[m.key(path, content, id)] = struct{}{}
	}
}

// move is for a change of the file that this run made.
func (m *madeFiles) move(path string, content uint64, from, to fileID) {
	m.mu.Lock()
	delete(m.files, m.key(path, content, from))
	m.mu.Unlock()
	m.add(path, content, to)
}

func (m *madeFiles) key(path string, content uint64, id fileID) uint64 {
	var h maphash.Hash
	h.SetSeed(m.seed)
	for _, v := range []uint64{content, id.dev, id.ino, uint64(id.sec), uint64(id.nsec)} {
		hashUint(&h, v)
	}
	h.WriteString(path)
	return h.Sum64()
}

// content is a hash of what tells contents apart.
func (m *madeFiles) content(r *manifest.Record) uint64 {
	var h maphash.Hash
	h.SetSeed(m.seed)
	hashUint(&h, uint64(r.Size))
	hashUint(&h, r.CRC)
	h.Write(r.SHA256)
	for _, p := range r.Parts {
		h.Write(p)
	}
	for _, e := range r.Extents {
		hashUint(&h, uint64(e.Length))
		hashUint(&h, e.Pack)
		hashUint(&h, uint64(e.PackOffset))
	}
	return h.Sum64()
}

func hashUint(h *maphash.Hash, v uint64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v)
	h.Write(b[:])
}

// sameData reports whether two records are of one content at one place.
func sameData(a, b *manifest.Record) bool {
	return a.Size == b.Size && a.HasCRC == b.HasCRC && a.CRC == b.CRC && bytes.Equal(a.SHA256, b.SHA256) &&
		a.PartSize == b.PartSize && slices.EqualFunc(a.Parts, b.Parts, bytes.Equal) && slices.Equal(a.Extents, b.Extents)
}

// standIn is a further name that was written as a file of its own because its
// carrier does not have its content. The others of its group link to it.
type standIn struct {
	path  string
	state standInState
}

type standInState uint8

const (
	beingWritten standInState = iota
	isThere
	hasFailed
)

// maxStandInBytes bounds what they take; the names of further groups are files of their own.
const maxStandInBytes = 16 << 20

// standIns are the stand-ins of this run, by carrier and content.
type standIns struct {
	mu   sync.Mutex
	room int // bytes
	m    map[uint64]*standIn
}

// claim makes path the stand-in unless there is one. Both are false where there is
// no room.
func (s *standIns) claim(group uint64, path string) (have standIn, found, claimed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.m[group]; c != nil {
		return *c, true, false
	}
	const each = 100 // about what one takes besides its path
	if s.room -= each + len(path); s.room < 0 {
		s.room = 0
		return standIn{}, false, false
	}
	if s.m == nil {
		s.m = map[uint64]*standIn{}
	}
	s.m[group] = &standIn{path: path}
	return standIn{}, false, true
}

func (s *standIns) get(group uint64) (have standIn, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.m[group]; c != nil {
		return *c, true
	}
	return standIn{}, false
}

// settle says what became of a stand-in. Other paths are ignored.
func (s *standIns) settle(group uint64, path string, state standInState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.m[group]; c != nil && c.path == path {
		c.state = state
	}
}
