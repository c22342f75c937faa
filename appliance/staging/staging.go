// Package staging is what doors have taken that lies in the journal and in no pack yet: small entries,
// whose clients must not wait until a pack is full.
//
//	door → frame of the journal → Set → pack
//
// A Set is in memory, with the bodies, and is made again from the journal. It imports the format and
// what journals say. It opens no file and commits nothing.
package staging

import (
	"cmp"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/manifest"
)

// MoveAt is how many bytes wait before they should be moved into a pack, and Most how many may wait:
// no frame is written while there are more.
const (
	MoveAt = 8 << 20
	Most   = 32 << 20
)

// Entry is an entry whose body is in the journal alone.
type Entry struct {
	Record manifest.Record // without extents
	Body   []byte
	Parts  []journal.Part // its client's
	seq    uint64
}

// entryOverhead is about what an entry takes besides its body.
const entryOverhead = 1 << 10

func (e *Entry) size() int64 { return entryOverhead + int64(len(e.Body)) }

// Set is what is staged. It is not safe for several goroutines.
type Set struct {
	paths map[string]*Entry
	above map[string]int // folders of the paths: how many are below each
	bytes int64
	seq   uint64
}

func NewSet() *Set { return &Set{paths: map[string]*Entry{}, above: map[string]int{}} }

// Put stages an entry in the place of what its path had.
func (s *Set) Put(e *Entry) {
	s.Committed(e.Record.Kind, e.Record.Path)
	s.seq++
	e.seq = s.seq
	s.paths[e.Record.Path] = e
	s.bytes += e.size()
	eachAbove(e.Record.Path, func(folder string) { s.above[folder]++ })
}

// Committed forgets what a good record of a path takes the place of, by the catalog's rule: what is
// staged under the path, and, unless it is a folder, below.
func (s *Set) Committed(kind manifest.Kind, path string) {
	s.Withdraw(path)
	if kind == manifest.KindDir || s.above[path] == 0 {
		return
	}
	for below := range s.paths {
		if strings.HasPrefix(below, path+"/") {
			s.Withdraw(below)
		}
	}
}

// Withdraw forgets what is staged under a path.
func (s *Set) Withdraw(path string) {
	e := s.paths[path]
	if e == nil {
		return
	}
	delete(s.paths, path)
	s.bytes -= e.size()
	eachAbove(path, func(folder string) {
		if s.above[folder]--; s.above[folder] == 0 {
			delete(s.above, folder)
		}
	})
}

func eachAbove(path string, f func(folder string)) {
	for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		f(path[:i])
	}
}

// Has reports whether the entry is still staged: nothing has taken its place.
func (s *Set) Has(e *Entry) bool { return s.paths[e.Record.Path] == e }

// All lists the entries in the order in which they were staged.
func (s *Set) All() []*Entry {
	var out []*Entry
	for _, e := range s.paths {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b *Entry) int { return cmp.Compare(a.seq, b.seq) })
	return out
}

func (s *Set) Len() int { return len(s.paths) }

// Bytes is about the memory that the set takes.
func (s *Set) Bytes() int64 { return s.bytes }
