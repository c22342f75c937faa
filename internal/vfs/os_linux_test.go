package vfs_test

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

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
