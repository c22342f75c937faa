package appliance

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/manifest"
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
	r := small32(t)
	if rep := r.loadAll(src, LoadOptions{}); rep.SkippedCount != 0 {
		t.Errorf("%+v", rep.Skipped)
	}
	<-done
	if err := r.check(wantTree{"f": "file content"}, r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// TestLeaseWaitEnds with the load.
func TestLeaseWaitEnds(t *testing.T) {
	src := t.TempDir()
	leased(t, src)
	s, err := newSource(src, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	dir := sourceDir{src: s}
	defer dir.close()
	if _, err := dir.open(ctx, "f"); err == nil || context.Cause(ctx) == nil {
		t.Errorf("%v", err)
	}
}

// TestOpenForWriting: a file that somebody may store into, by way of a mapping
// without a sign, carries a remark.
func TestOpenForWriting(t *testing.T) {
	src := t.TempDir()
	for _, name := range []string{"closed", "open"} {
		if err := os.WriteFile(filepath.Join(src, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.OpenFile(filepath.Join(src, "open"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_WRLCK); err != nil {
		t.Skipf("the folder for temporary files has no leases: %v", err)
	}
	unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	rd, err := r.openReader(r.cfg.Disks, r.sealAll().Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	remarks := map[string]string{}
	err = rd.Entries(context.Background(), func(e Entry) error {
		remarks[e.Record.Path] = e.Record.Remark
		if e.Record.Kind != manifest.KindFile {
			t.Errorf("%+v", e.Record)
		}
		return nil
	})
	if err != nil || remarks["open"] != "open" || remarks["closed"] != "" {
		t.Errorf("%v, %v", remarks, err)
	}
}
