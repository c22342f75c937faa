package vfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// linkedFolder is a folder with real/a/file, and links in the place of folders to it.
func linkedFolder(t *testing.T) (dir string, names []string) {
	t.Helper()
	dir = t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "real", "a"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "real", "a", "file"), []byte("text"), 0o644))
	must(t, os.Symlink("real", filepath.Join(dir, "first")))
	must(t, os.Symlink("a", filepath.Join(dir, "real", "second")))
	return dir, []string{"first/a/file", "real/second/file", "first/second/file"}
}

// TestLinkedFolders: no name leads through a symbolic link in the place of a folder, and
// nothing is made behind one. The disk's own folder may be reached by links.
func TestLinkedFolders(t *testing.T) {
	dir, names := linkedFolder(t)
	mount := filepath.Join(t.TempDir(), "mount")
	must(t, os.Symlink(dir, mount))
	root, err := os.OpenRoot(mount)
	must(t, err)
	defer root.Close()
	disk, err := vfs.OS(mount)
	must(t, err)
	defer vfs.Close(disk)
	plain := vfs.Plain(root)
	if b, err := vfs.ReadFile(disk, "real/a/file", 100); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
	if b, err := fs.ReadFile(plain, "real/a/file"); err != nil || string(b) != "text" {
		t.Errorf("%q, %v", b, err)
	}
	for _, name := range names {
		folder := filepath.Dir(name)
		calls := map[string]func() error{
			"plain open":        func() error { _, err := plain.Open(name); return err },
			"plain open folder": func() error { _, err := plain.Open(folder); return err },
			"open":              func() error { _, err := disk.Open(name, vfs.OpenOptions{}); return err },
			"stat":              func() error { _, err := disk.Stat(name); return err },
			"create":            func() error { _, err := disk.Create(folder+"/new", vfs.CreateOptions{}); return err },
			"lock":              func() error { _, err := vfs.Lock(disk, folder+"/lock"); return err },
		}
		for call, f := range calls {
			if err := f(); !errors.Is(err, vfs.ErrNotRegular) {
				t.Errorf("%s of %s: %v", call, name, err)
			}
		}
		for call, f := range map[string]func() error{
			"readdir": func() error { _, err := disk.ReadDir(folder); return err },
			"syncdir": func() error { return disk.SyncDir(folder) },
		} {
			if f() == nil {
				t.Errorf("%s of %s", call, folder)
			}
		}
	}
	if list, err := os.ReadDir(filepath.Join(dir, "real", "a")); err != nil || len(list) != 1 {
		t.Errorf("made behind a link: %v, %v", list, err)
	}
}
