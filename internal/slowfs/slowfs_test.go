package slowfs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mounted shows a folder with one file of 10,000 bytes and a folder.
func mounted(t *testing.T, o Options) (f *FS, source, at string) {
	t.Helper()
	source, at = t.TempDir(), t.TempDir()
	if err := errors.Join(os.WriteFile(filepath.Join(source, "file"), make([]byte, 10_000), 0o644), os.Mkdir(filepath.Join(source, "sub"), 0o755)); err != nil {
		t.Fatal(err)
	}
	f, err := Mount(t.Context(), source, at, o)
	if errors.Is(err, ErrNoFUSE) || errors.Is(err, os.ErrPermission) || errors.Is(err, unix.ENODEV) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f, source, at
}

// TestEveryLookIsACall stats a file twice: nothing is remembered, and a listing
// brings no attributes along.
func TestEveryLookIsACall(t *testing.T) {
	f, source, at := mounted(t, Options{})
	if _, err := os.ReadDir(at); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		info, err := os.Stat(filepath.Join(at, "file"))
		if err != nil || info.Size() != 10_000 {
			t.Fatalf("%v, %v", info, err)
		}
	}
	if got := f.Calls(); got["lookup"] != 2 || got["readdir"] == 0 || got["readdirplus"] != 0 {
		t.Errorf("%v", got)
	}
	if err := os.WriteFile(filepath.Join(source, "file"), []byte("changed"), 0o644); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(filepath.Join(at, "file")); err != nil || string(text) != "changed" {
		t.Errorf("%q, %v", text, err)
	}
	if got := f.Calls(); got["open"] != 1 || got["read"] == 0 {
		t.Errorf("the kernel reads past us: %v", got)
	}
}

// TestCall waits for every call, and for many at once as long as for one.
func TestCall(t *testing.T) {
	f, _, at := mounted(t, Options{})
	const callTime = 50 * time.Millisecond
	f.SetCall(callTime)
	began := time.Now()
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			if _, err := os.Stat(filepath.Join(at, "file")); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if took := time.Since(began); took < callTime || took > 50*callTime {
		t.Errorf("100 calls took %v", took)
	}
	if most := f.Most(); most < 10 {
		t.Errorf("%d calls at most were there at once", most)
	}
}

// TestReadOnly keeps the source from who removes the mount point.
func TestReadOnly(t *testing.T) {
	_, source, at := mounted(t, Options{ReadOnly: true})
	if err := os.RemoveAll(at); err == nil {
		t.Error("a mount point was removed")
	}
	if err := os.Remove(filepath.Join(at, "file")); !errors.Is(err, unix.EROFS) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(source, "file")); err != nil {
		t.Error(err)
	}
}

// TestWrites makes, renames and locks files as a device's disks need it.
func TestWrites(t *testing.T) {
	f, source, at := mounted(t, Options{Disk: Disk{Seek: time.Millisecond, Rate: 1 << 30}})
	part := filepath.Join(at, "sub", "part")
	file, err := os.OpenFile(part, os.O_CREATE|os.O_EXCL|os.O_RDWR|unix.O_DIRECT, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	block, err := unix.Mmap(-1, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		unix.Fallocate(int(file.Fd()), 0, 0, 16384),
		syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, at := range []int64{0, 8192} {
		if _, err := file.WriteAt(block, at); err != nil {
			t.Fatal(err)
		}
	}
	if seeks := f.Seeks(); seeks != 1 {
		t.Errorf("%d seeks of two writes, one after the other", seeks)
	}
	if err := errors.Join(file.Sync(), file.Close(), os.Rename(part, filepath.Join(at, "whole"))); err != nil {
		t.Error(err)
	}
	if seeks := f.Seeks(); seeks != 2 {
		t.Errorf("%d seeks after an fsync", seeks)
	}
	if info, err := os.Stat(filepath.Join(source, "whole")); err != nil || info.Size() != 16384 {
		t.Errorf("%v, %v", info, err)
	}
}

// TestWritesAtOnce has several direct writes to one file under way.
func TestWritesAtOnce(t *testing.T) {
	f, source, at := mounted(t, Options{Disk: Disk{Seek: time.Millisecond}})
	file, err := os.OpenFile(filepath.Join(at, "file"), os.O_RDWR|unix.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := errors.Join(file.Truncate(1<<20), f.StallContent(filepath.Join(source, "file"))); err != nil {
		t.Fatal(err)
	}
	block, err := unix.Mmap(-1, 0, 8192, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			if _, err := file.WriteAt(block, int64(i)*8192); err != nil {
				t.Error(err)
			}
		})
	}
	for end := time.Now().Add(10 * time.Second); f.Most() < 4 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	f.Resume()
	group.Wait()
	if f.Most() < 4 {
		t.Errorf("of four writes %d were under way at once", f.Most())
	}
}

// TestHead takes accesses in the order that seeks least.
func TestHead(t *testing.T) {
	d := newDisk(Disk{Seek: time.Second})
	d.busy, d.node, d.next = true, 7, 40
	for _, a := range []access{{node: 7, from: 60}, {node: 9, from: 20}, {node: 7, from: 50}, {node: 9, from: 10}, {node: 7, from: 40}, {node: 7, from: 30}} {
		a.turn = make(chan struct{})
		d.waiting = append(d.waiting, &a)
	}
	var order []int64
	for len(d.waiting) > 0 {
		a := d.waiting[d.best()]
		d.release()
		<-a.turn
		d.node, d.next = a.node, a.from+10
		order = append(order, a.from)
	}
	if want := []int64{40, 50, 60, 10, 20, 30}; !slices.Equal(order, want) {
		t.Errorf("%v, not %v", order, want)
	}
	if d.release(); d.busy {
		t.Error("the head is busy with nothing")
	}
}

// TestNearWrites costs one seek for writes in a wrong order, and one for each that
// is far away, and for reads in a wrong order.
func TestNearWrites(t *testing.T) {
	const mib = 1 << 20
	for _, test := range []struct {
		write bool
		from  []int64
		seeks int64
	}{
		{true, []int64{1, 0, 3, 2, 5, 4, 7, 8, 6}, 1},
		{true, []int64{0, 1, 9, 10}, 2},
		{false, []int64{1, 0, 3}, 3},
		{false, []int64{1, 2, 3}, 1},
	} {
		d := newDisk(Disk{Rate: 1 << 50})
		for _, at := range test.from {
			if err := d.access(t.Context(), 7, at*mib, mib, test.write); err != nil {
				t.Fatal(err)
			}
		}
		if d.seeks != test.seeks {
			t.Errorf("%+v: %d seeks", test, d.seeks)
		}
	}
}

// TestStall lets calls hang about one file, then about all, and lets them go.
func TestStall(t *testing.T) {
	f, source, at := mounted(t, Options{})
	hangs := func(what string, call func() error) <-chan error {
		t.Helper()
		answer := make(chan error, 1)
		go func() { answer <- call() }()
		select {
		case err := <-answer:
			t.Errorf("%s did not hang: %v", what, err)
		case <-time.After(20 * time.Millisecond):
		}
		return answer
	}
	stat := func() error { _, err := os.Stat(filepath.Join(at, "file")); return err }
	read := func() error { _, err := os.ReadFile(filepath.Join(at, "file")); return err }
	if err := f.StallContent(filepath.Join(source, "file")); err != nil {
		t.Fatal(err)
	}
	if err := stat(); err != nil {
		t.Error(err)
	}
	answer := hangs("a read", read)
	f.Resume()
	if err := <-answer; err != nil {
		t.Error(err)
	}
	if err := f.Stall(filepath.Join(source, "file")); err != nil {
		t.Fatal(err)
	}
	answer = hangs("a look", stat)
	if _, err := os.Stat(filepath.Join(at, "sub")); err != nil {
		t.Errorf("another file: %v", err)
	}
	f.Resume()
	if err := <-answer; err != nil {
		t.Error(err)
	}
	if err := f.Stall(); err != nil {
		t.Fatal(err)
	}
	answer = hangs("a look at a dead file system", stat)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-answer; err == nil {
		t.Error("a look at what is unmounted succeeded")
	}
}

// TestContextEndsMount unmounts also while a file is open.
func TestContextEndsMount(t *testing.T) {
	source, at := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(source, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f, err := Mount(ctx, source, at, Options{})
	if errors.Is(err, ErrNoFUSE) || errors.Is(err, os.ErrPermission) {
		cancel()
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	open, err := os.Open(filepath.Join(at, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	cancel()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(at); err != nil || len(left) > 0 {
		t.Errorf("still mounted: %v, %v", left, err)
	}
}

// TestUnmountBelow finds what a killed program has left.
func TestUnmountBelow(t *testing.T) {
	_, _, at := mounted(t, Options{})
	inner := filepath.Join(t.TempDir(), "with blank")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := Mount(t.Context(), at, inner, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := UnmountBelow(filepath.Dir(inner)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err == nil {
		t.Error("Close found the mount still there")
	}
	if _, err := os.Stat(filepath.Join(at, "file")); err != nil {
		t.Errorf("another mount is gone: %v", err)
	}
}
