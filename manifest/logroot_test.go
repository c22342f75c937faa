package manifest

import (
	"fmt"
	"testing"
)

// TestRootAt: the root of every beginning of a log is that of a tree of so many entries.
func TestRootAt(t *testing.T) {
	const size = 256*3 + 5
	files := memFiles{{}}
	w := NewLogWriter(files.put)
	var tree Tree
	roots := [][32]byte{tree.Root()}
	for i := range size {
		e := fmt.Appendf(nil, "entry %d", i)
		if _, err := w.Append(e); err != nil {
			t.Fatal(err)
		}
		tree.Add(e)
		roots = append(roots, tree.Root())
	}
	n, root, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	l, err := OpenLog(Checkpoint{Size: n, Root: root}, files)
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range roots {
		if got, err := l.RootAt(uint64(at)); err != nil || got != want {
			t.Errorf("at %d: %x, %v, want %x", at, got, err, want)
		}
	}
	if _, err := l.RootAt(n + 1); err == nil {
		t.Error("a root behind the end")
	}
}
