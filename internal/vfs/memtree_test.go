package vfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/internal/vfs/vfstest"
)

func TestMemTree(t *testing.T) {
	vfstest.TestTree(t, func(t *testing.T) (vfs.Tree, vfstest.TreeMaker) {
		tree := vfs.NewMemTree(nil)
		return tree, tree
	})
}

func TestOSTree(t *testing.T) {
	vfstest.TestTree(t, func(t *testing.T) (vfs.Tree, vfstest.TreeMaker) {
		dir := t.TempDir()
		tree, err := vfs.OSTree(dir)
		must(t, err)
		return tree, osMaker{t, dir}
	})
}

// osMaker fills a folder of the system.
type osMaker struct {
	t   *testing.T
	dir string
}

func (m osMaker) at(path string) string {
	full := filepath.Join(m.dir, path)
	must(m.t, os.MkdirAll(filepath.Dir(full), 0o755))
	return full
}

func (m osMaker) WriteFile(path string, data []byte) {
	must(m.t, os.WriteFile(m.at(path), data, 0o644))
}
func (m osMaker) Symlink(target, path string) { must(m.t, os.Symlink(target, m.at(path))) }
func (m osMaker) Remove(path string)          { must(m.t, os.RemoveAll(m.at(path))) }

func (m osMaker) Link(path, further string) error { return os.Link(m.at(path), m.at(further)) }

func (m osMaker) Make(path string, mode uint32) {
	if mode&syscall.S_IFMT == syscall.S_IFDIR {
		must(m.t, os.Mkdir(m.at(path), 0o755))
		return
	}
	must(m.t, syscall.Mknod(m.at(path), mode, 0))
}

// TestMemTreeHook: reads fail when they are told to, and see what is changed while
// they go on.
func TestMemTreeHook(t *testing.T) {
	tree := vfs.NewMemTree(nil)
	tree.WriteFile("f", []byte("aaaa"))
	tree.OnCall(func(c vfs.TreeCall) error {
		if c.Op == vfs.OpRead && c.Offset == 2 {
			tree.WriteFile("f", []byte("bbbb"))
		}
		if c.Op == vfs.OpRead && c.Offset == 3 {
			return syscall.EIO
		}
		return nil
	})
	d, err := tree.OpenDir("")
	must(t, err)
	f, err := d.Open("f")
	must(t, err)
	var got []byte
	for off := range int64(3) {
		p := make([]byte, 1)
		_, err := f.ReadAt(p, off)
		must(t, err)
		got = append(got, p...)
	}
	if string(got) != "aab" {
		t.Errorf("%q", got)
	}
	if _, err := f.ReadAt(make([]byte, 1), 3); !errors.Is(err, syscall.EIO) {
		t.Errorf("%v", err)
	}
}
