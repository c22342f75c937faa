package vfs_test

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestForgetting: a file is forgotten when it is opened, before a byte is read.
func TestForgetting(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	put(t, mem, "a", "text")
	var forgotten []string
	fsys := vfs.Forgetting(vfs.Std(mem), func(f fs.File) {
		info, err := f.Stat()
		must(t, err)
		forgotten = append(forgotten, info.Name())
	})
	f, err := fsys.Open("a")
	must(t, err)
	if len(forgotten) != 1 || forgotten[0] != "a" {
		t.Errorf("forgotten before the first read: %v", forgotten)
	}
	b, err := io.ReadAll(f)
	must(t, err)
	if string(b) != "text" {
		t.Errorf("read %q", b)
	}
	if _, err := fsys.Open("b"); err == nil || len(forgotten) != 1 {
		t.Errorf("a file that is not there: %v, forgotten %v", err, forgotten)
	}
}

// TestCold: what was written a moment ago is read whole, by the same names.
func TestCold(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "sledge/packs"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "sledge/packs/a"), []byte("text"), 0o644))
	root, err := os.OpenRoot(dir)
	must(t, err)
	defer root.Close()
	cold, err := vfs.Cold(root)
	must(t, err)
	sub, err := fs.Sub(cold, "sledge")
	must(t, err)
	b, err := fs.ReadFile(sub, "packs/a")
	must(t, err)
	if string(b) != "text" {
		t.Errorf("read %q", b)
	}
	if list, err := fs.ReadDir(sub, "packs"); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := cold.Open("sledge/../../x"); err == nil {
		t.Error("a name led out of the folder")
	}
}
