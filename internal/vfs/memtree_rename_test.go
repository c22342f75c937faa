package vfs

import (
	"testing"
	"time"
)

// TestMemTreeRename: the files of a folder that gets another name keep their times.
func TestMemTreeRename(t *testing.T) {
	at := time.Unix(1000, 0)
	tree := NewMemTree(func() time.Time { return at })
	tree.WriteFile("d0/f", []byte("x"))
	before, _ := tree.Look("d0/f")
	at = at.Add(time.Hour)
	if err := tree.Rename("d0", "d1"); err != nil {
		t.Fatal(err)
	}
	after, here := tree.Look("d1/f")
	if _, there := tree.Look("d0"); there || !here || after != before {
		t.Errorf("renamed: old %v, new %v, %+v, before %+v", there, here, after, before)
	}
	tree.WriteFile("d2/g", nil)
	for _, bad := range [][2]string{{"d1", "d2"}, {"nowhere", "d3"}, {"d1/f", "d3"}, {"", "d3"}} {
		if tree.Rename(bad[0], bad[1]) == nil {
			t.Errorf("rename %q", bad)
		}
	}
}
