package vfs

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Where the system cannot resolve a name without links, a look at each folder finds them.
func TestBeneathEach(t *testing.T) {
	dir := t.TempDir()
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "real", "a"), 0o755),
		os.WriteFile(filepath.Join(dir, "real", "a", "file"), []byte("text"), 0o644),
		os.Symlink("real", filepath.Join(dir, "first")),
		os.Symlink("a", filepath.Join(dir, "real", "second")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if info, err := statEach(root, "real/a/file"); err != nil || info.Size() != 4 {
		t.Errorf("%v, %v", info, err)
	}
	if info, err := statEach(root, "first"); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link itself: %v, %v", info, err)
	}
	f, err := createEach(root, "real/a/new", 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	for _, folder := range []string{"first/a", "real/second", "first/second"} {
		if _, err := statEach(root, folder+"/file"); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v", folder, err)
		}
		if _, err := createEach(root, folder+"/planted", 0o600); !errors.Is(err, ErrNotRegular) {
			t.Errorf("%s: %v", folder, err)
		}
	}
	if list, err := os.ReadDir(filepath.Join(dir, "real", "a")); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}
