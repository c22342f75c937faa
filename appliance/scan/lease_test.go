package scan

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// leased makes a file that this process holds a write lease on.
func leased(t *testing.T, dir string) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(dir, "f"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	f.WriteString("content")
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skipf("the folder for temporary files has no leases: %v", err)
	}
	return f
}

// TestLeaseIsWaitedFor: the holder is told by the open and gives the lease back.
func TestLeaseIsWaitedFor(t *testing.T) {
	src := t.TempDir()
	f := leased(t, src)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for { // until the system wants the lease back
			kind, err := unix.FcntlInt(f.Fd(), unix.F_GETLEASE, 0)
			if err != nil || kind != unix.F_WRLCK {
				break
			}
			time.Sleep(time.Millisecond)
		}
		f.Close()
	}()
	if got := readLeased(t, context.Background(), src); got != "content" {
		t.Errorf("%q", got)
	}
	<-done
}

// readLeased opens the file as a worker does, and reads it.
func readLeased(t *testing.T, ctx context.Context, src string) string {
	s, err := Open(src, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	dir := s.Dirs()
	defer dir.Close()
	f, err := dir.Open(ctx, "f")
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	b := make([]byte, 100)
	n, err := f.ReadSome(b, 0)
	if err != nil {
		t.Error(err)
	}
	return string(b[:n])
}

// TestLeaseWaitEnds with the load.
func TestLeaseWaitEnds(t *testing.T) {
	src := t.TempDir()
	leased(t, src)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if got := readLeased(t, ctx, src); got == "content" || context.Cause(ctx) == nil {
		t.Errorf("%q", got)
	}
}
