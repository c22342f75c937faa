package vfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/vfs"
)

// A pipe planted on a disk must not block whoever opens it.
func TestPlantedPipe(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600); err != nil {
		t.Skip(err)
	}
	fsys := openOS(t, root)
	for _, write := range []bool{false, true} {
		if _, err := fsys.Open("pipe", vfs.OpenOptions{Write: write}); !errors.Is(err, vfs.ErrNotRegular) {
			t.Errorf("open of a pipe, write %v: %v", write, err)
		}
	}
}

// Punch gives the space back where the file system can make holes.
func TestOSPunchFrees(t *testing.T) {
	root := t.TempDir()
	fsys := openOS(t, root)
	f, err := fsys.Create("f", vfs.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const size = 1 << 20
	data := make([]byte, size)
	for i := range data {
		data[i] = byte(i)
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	before := blocks(t, filepath.Join(root, "f"))
	if err := f.Punch(0, size); err != nil {
		t.Fatal(err)
	}
	if after := blocks(t, filepath.Join(root, "f")); after >= before {
		t.Logf("no hole was made: %d blocks before, %d after", before, after)
	}
	got, err := vfs.ReadFile(fsys, "f", size)
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range got {
		if b != 0 {
			t.Fatalf("byte %d is %d after the punch", i, b)
		}
	}
}

func blocks(t *testing.T, name string) int64 {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	return st.Blocks
}

// TestColdForgetsPages: what was just written, and read, is not in the page cache
// any more when it is opened. A read that must not wait says so.
func TestColdForgetsPages(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "a"), make([]byte, 1<<20), 0o644)) // dirty: not synced by us
	cached := func(f *os.File) bool {
		n, err := unix.Preadv2(int(f.Fd()), [][]byte{make([]byte, 4096)}, 0, unix.RWF_NOWAIT)
		if err != nil && !errors.Is(err, unix.EAGAIN) {
			t.Skipf("this file system does not tell: %v", err)
		}
		return n > 0
	}
	root, err := os.OpenRoot(dir)
	must(t, err)
	defer root.Close()
	warm, err := root.Open("a")
	must(t, err)
	defer warm.Close()
	if !cached(warm) {
		t.Skip("this file system caches nothing")
	}
	var st unix.Statfs_t
	must(t, unix.Fstatfs(int(warm.Fd()), &st))
	if st.Type == unix.TMPFS_MAGIC {
		t.Skip("the page cache is this file system's only place")
	}
	fsys, err := vfs.Cold(root)
	must(t, err)
	f, err := fsys.Open("a")
	must(t, err)
	defer f.Close()
	if cached(f.(*os.File)) {
		t.Error("the file is read from the page cache")
	}
}

// TestSyncReachesTheKernel: a sync of a file and one of a folder ask the kernel, and
// what it says is told: neither a file of proc nor a folder can be synced.
func TestSyncReachesTheKernel(t *testing.T) {
	proc, disk := openOS(t, "/proc"), openOS(t, t.TempDir())
	f, err := proc.Open("version", vfs.OpenOptions{})
	if err != nil {
		t.Skipf("/proc cannot be read here: %v", err)
	}
	defer f.Close()
	if err := f.Sync(); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a file that cannot be synced: %v", err)
	}
	if err := proc.SyncDir("sys"); !errors.Is(err, unix.EINVAL) {
		t.Errorf("a folder that cannot be synced: %v", err)
	}
	g, err := disk.Create("f", vfs.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.Sync(), g.Close(), disk.SyncDir(".")); err != nil {
		t.Error(err)
	}
}
