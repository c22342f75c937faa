package vfs_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestMemTreeXattrs: attributes are listed and given by the system's rules.
func TestMemTreeXattrs(t *testing.T) {
	tree := vfs.NewMemTree(nil)
	tree.WriteFile("d/f", []byte("x"))
	tree.SetXattr("d/f", "user.b", []byte("two"))
	tree.SetXattr("d/f", "user.a", []byte("one"))
	tree.SetXattr("d/f", "user.c", nil)
	dir, err := tree.OpenDir("d")
	must(t, err)
	a := dir.Attributes("f")
	buf := make([]byte, 100)
	if n, err := a.List(buf); err != nil || string(buf[:n]) != "user.a\x00user.b\x00" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if n, err := a.Get("user.b", buf); err != nil || string(buf[:n]) != "two" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if _, err := a.Get("user.c", buf); !errors.Is(err, syscall.ENODATA) {
		t.Errorf("an attribute that is not there: %v", err)
	}
	if _, err := a.List(buf[:3]); !errors.Is(err, syscall.ERANGE) {
		t.Errorf("too little room: %v", err)
	}
	if _, err := dir.Attributes("g").List(buf); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("no such entry: %v", err)
	}
}

// TestMemTreeHoles: a hole reads as zeros and is told; what is only told as one is
// there all the same.
func TestMemTreeHoles(t *testing.T) {
	tree := vfs.NewMemTree(nil)
	tree.WriteFile("f", []byte("aaaabbbbccccdddd"))
	tree.Hole("f", 4, 4)
	tree.Hide("f", 8, 4)
	root, err := tree.OpenDir("")
	must(t, err)
	f, err := root.Open("f")
	must(t, err)
	defer f.Close()
	b := make([]byte, 16)
	_, err = f.ReadAt(b, 0)
	must(t, err)
	info, err := f.Stat()
	must(t, err)
	if string(b) != "aaaa\x00\x00\x00\x00ccccdddd" || info.Size != 16 || info.Allocated != 8 {
		t.Errorf("%q, %+v", b, info)
	}
	for off, want := range map[int64][2]int64{0: {0, 4}, 3: {3, 4}, 4: {12, 16}, 9: {12, 16}, 13: {13, 16}, 16: {16, 16}} {
		if from, to := f.Data(off, 16); from != want[0] || to != want[1] {
			t.Errorf("at %d: %d to %d, want %v", off, from, to, want)
		}
	}
	tree.WriteFile("f", []byte("new"))
	if from, to := f.Data(0, 3); from != 0 || to != 3 {
		t.Errorf("written anew: %d to %d", from, to)
	}
}
