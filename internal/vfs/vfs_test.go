package vfs_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/internal/vfs/vfstest"
)

func openOS(t *testing.T, root string) vfs.FS {
	t.Helper()
	fsys, err := vfs.OS(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { vfs.Close(fsys) })
	return fsys
}

func TestConformance(t *testing.T) {
	t.Run("OS", func(t *testing.T) {
		vfstest.TestFS(t, func(t *testing.T) vfs.FS { return openOS(t, t.TempDir()) })
	})
	t.Run("Mem", func(t *testing.T) {
		vfstest.TestFS(t, func(t *testing.T) vfs.FS { return vfs.NewMem(vfs.MemOptions{}) })
	})
	t.Run("MemLimited", func(t *testing.T) {
		vfstest.TestFS(t, func(t *testing.T) vfs.FS { return vfs.NewMem(vfs.MemOptions{Capacity: 4 << 20}) })
	})
	t.Run("FaultMem", func(t *testing.T) {
		vfstest.TestFS(t, func(t *testing.T) vfs.FS { return vfs.NewFault(vfs.NewMem(vfs.MemOptions{})) })
	})
	t.Run("FaultOS", func(t *testing.T) {
		vfstest.TestFS(t, func(t *testing.T) vfs.FS { return vfs.NewFault(openOS(t, t.TempDir())) })
	})
}

// A folder in memory has no direct I/O on older kernels, so this is the fallback.
func TestConformanceTmpfs(t *testing.T) {
	const shm = "/dev/shm"
	if _, err := os.Stat(shm); err != nil {
		t.Skip("no tmpfs here")
	}
	vfstest.TestFS(t, func(t *testing.T) vfs.FS {
		root, err := os.MkdirTemp(shm, "vfs")
		if err != nil {
			t.Skip(err)
		}
		t.Cleanup(func() { os.RemoveAll(root) })
		return openOS(t, root)
	})
}

// Nothing planted on a disk leads out of it, and no link is taken for a file.
func TestPlanted(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for name, target := range map[string]string{
		"abs": secret, "absdir": outside, "up": "..", "inside": "real", "dangling": filepath.Join(outside, "new"),
	} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Skip(err)
		}
	}
	os.WriteFile(filepath.Join(root, "real"), []byte("real"), 0o600)
	fsys := openOS(t, root)

	relative, err := filepath.Rel(root, secret)
	if err != nil {
		t.Fatal(err)
	}
	_ = os.Symlink(relative, filepath.Join(root, "rel"))
	escapes := []string{
		"abs", "rel", "absdir", "absdir/secret", "up/" + filepath.Base(root) + "/real", "inside", "dangling",
	}
	for _, name := range escapes {
		for _, write := range []bool{false, true} {
			if f, err := fsys.Open(name, vfs.OpenOptions{Write: write}); err == nil {
				f.Close()
				t.Errorf("open %s, write %v, was let through", name, write)
			}
		}
	}
	for _, name := range []string{"absdir/made", "dangling", "up/made"} {
		if f, err := fsys.Create(name, vfs.CreateOptions{}); err == nil {
			f.Close()
			t.Errorf("create %s was let through", name)
		}
	}
	for what, err := range map[string]error{
		"rename out":  fsys.Rename("real", "absdir/real"),
		"rename in":   fsys.Rename("absdir/secret", "taken"),
		"link in":     fsys.Link("absdir/secret", "linked"),
		"mkdir":       fsys.Mkdir("absdir/made", 0),
		"remove":      fsys.Remove("absdir/secret"),
		"syncdir":     fsys.SyncDir("absdir"),
		"readdir":     func() error { _, err := fsys.ReadDir("absdir"); return err }(),
		"readdir up":  func() error { _, err := fsys.ReadDir("up"); return err }(),
		"stat behind": func() error { _, err := fsys.Stat("absdir/secret"); return err }(),
	} {
		if err == nil {
			t.Errorf("%s was let through", what)
		}
	}
	if info, err := fsys.Stat("abs"); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("stat of a link: %v, %v", info, err)
	}
	if err := vfs.Walk(fsys, ".", vfs.Limits{}, func(name string, d fs.DirEntry) error {
		if d.IsDir() {
			t.Errorf("walk takes %s for a folder", name)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if err := fsys.Remove("abs"); err != nil { // the link itself goes
		t.Error(err)
	}
	names, _ := filepath.Glob(filepath.Join(outside, "*"))
	if content, _ := os.ReadFile(secret); string(content) != "secret" || !slices.Equal(names, []string{secret}) {
		t.Errorf("outside the disk: %q, %q", content, names)
	}
}

// The disk's folder is held, whatever its path leads to later.
func TestOSKeepsFolder(t *testing.T) {
	base := t.TempDir()
	root := filepath.Join(base, "disk")
	if err := os.Mkdir(root, 0o700); err != nil {
		t.Fatal(err)
	}
	fsys := openOS(t, root)
	if err := os.Rename(root, filepath.Join(base, "moved")); err != nil {
		t.Skip(err)
	}
	if err := fsys.Mkdir("d", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(base, "moved", "d")); err != nil {
		t.Error(err)
	}
	if _, err := vfs.OS(root); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("OS of nothing: %v", err)
	}
}

func TestAlignedBuffer(t *testing.T) {
	for _, n := range []int{0, 1, 4096, 12345} {
		b := vfs.AlignedBuffer(n)
		if len(b) != n || cap(b) != n {
			t.Errorf("len %d, cap %d, want %d", len(b), cap(b), n)
		}
		if n > 0 && uintptr(unsafe.Pointer(&b[0]))%vfs.Alignment != 0 {
			t.Errorf("buffer of %d is not aligned", n)
		}
	}
}
