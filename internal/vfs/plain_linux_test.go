package vfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestPlain: files and folders are opened, and nothing else is, at once.
func TestPlain(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o644))
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o755))
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	must(t, os.Symlink("file", filepath.Join(dir, "link")))
	must(t, os.Symlink("pipe", filepath.Join(dir, "link to pipe")))
	root, err := os.OpenRoot(dir)
	must(t, err)
	defer root.Close()
	fsys := vfs.Plain(root)
	if b, err := fs.ReadFile(fsys, "file"); err != nil || string(b) != "text" {
		t.Errorf("file: %q, %v", b, err)
	}
	if list, err := fs.ReadDir(fsys, "."); err != nil || len(list) != 5 {
		t.Errorf("folder: %v, %v", list, err)
	}
	for _, name := range []string{"pipe", "link", "link to pipe"} {
		if _, err := fsys.Open(name); !errors.Is(err, vfs.ErrNotRegular) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := fsys.Open("../x"); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("a name led out: %v", err)
	}
}
