package vfs_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestUnreadableRoot: a root that its user may enter and write, but not read, takes what
// needs no list of its names. Root of the system may read all, so the test is another user.
func TestUnreadableRoot(t *testing.T) {
	const nobody = 65534
	dir := t.TempDir()
	fsys, err := vfs.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	asUser := os.Geteuid() == 0
	errs := []error{os.WriteFile(filepath.Join(dir, "file"), []byte("text"), 0o644), os.Chmod(dir, 0o311)}
	if asUser {
		errs = append(errs, os.Chown(dir, nobody, -1))
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // the thread ends with this goroutine
		if asUser {
			if err := unix.Setfsuid(nobody); err != nil {
				t.Error(err)
				return
			}
		}
		if _, err := fsys.ReadDir("."); err == nil {
			t.Error("the folder can be read: the test shows nothing")
		}
		if info, err := fsys.Stat("file"); err != nil || info.Size() != 4 {
			t.Errorf("stat: %v", err)
		}
		if f, err := fsys.Open("file", vfs.OpenOptions{}); err != nil {
			t.Errorf("open: %v", err)
		} else {
			f.Close()
		}
		if f, err := fsys.Create("new", vfs.CreateOptions{}); err != nil {
			t.Errorf("create: %v", err)
		} else {
			f.Close()
		}
		if _, _, err := fsys.Free(); err != nil {
			t.Errorf("free: %v", err)
		}
	}()
	<-done
}
