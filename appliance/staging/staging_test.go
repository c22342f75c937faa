package staging

import (
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

func entry(path string, n int) *Entry {
	return &Entry{Record: manifest.Record{Kind: manifest.KindFile, Path: path}, Body: make([]byte, n)}
}

func paths(s *Set) (out string) {
	for _, e := range s.All() {
		out += e.Record.Path + " "
	}
	return out
}

func TestSet(t *testing.T) {
	s := NewSet()
	old := entry("b", 5)
	for _, e := range []*Entry{entry("d/x/1", 10), old, entry("d/x/2", 0), entry("a", 7), entry("dx", 1)} {
		s.Put(e)
	}
	if got := paths(s); got != "d/x/1 b d/x/2 a dx " {
		t.Errorf("in order: %s", got)
	}
	s.Put(entry("b", 6))
	if s.Has(old) || paths(s) != "d/x/1 d/x/2 a dx b " {
		t.Errorf("after a newer entry: %s", paths(s))
	}
	s.Committed(manifest.KindDir, "d")
	if s.Len() != 5 {
		t.Errorf("a folder ends what is below it: %s", paths(s))
	}
	s.Committed(manifest.KindFile, "a")
	s.Withdraw("none")
	s.Committed(manifest.KindFile, "d")
	if got := paths(s); got != "dx b " {
		t.Errorf("a file ends what is below it: %s", got)
	}
	s.Withdraw("dx")
	s.Committed(manifest.KindSymlink, "b")
	if s.Len() != 0 || s.Bytes() != 0 || len(s.above) != 0 {
		t.Errorf("empty: %d entries, %d bytes, folders %v", s.Len(), s.Bytes(), s.above)
	}
}
