package vfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// slowTree is a tree of a server. The calls about hung wait for release.
func slowTree(hung func(path string) bool) (tree *vfs.MemTree, release func()) {
	tree = vfs.NewMemTree(nil)
	tree.SetVolume(vfs.Volume{FS: "nfs4", Remote: true, StableInodes: true})
	held := make(chan struct{})
	tree.OnCall(func(c vfs.TreeCall) error {
		if hung(c.Path) {
			<-held
		}
		return nil
	})
	return tree, func() { close(held) }
}

// TestTimedTree: a call that hangs ends with an error after its time, further calls about
// its path end at once, others go on, and what comes too late is written nowhere.
func TestTimedTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hang atomic.Bool
		inner, release := slowTree(func(path string) bool { return hang.Load() && path == "d/stuck" })
		inner.WriteFile("d/stuck", []byte("too late"))
		inner.WriteFile("d/good", []byte("good"))
		tree := vfs.Timed(inner, time.Minute, nil)
		dir, err := tree.OpenDir("d")
		if err != nil {
			t.Fatal(err)
		}
		f, err := dir.Open("stuck")
		if err != nil {
			t.Fatal(err)
		}
		hang.Store(true)
		buf, began := make([]byte, 8), time.Now()
		if n, err := f.ReadSome(buf, 0); n != 0 || !errors.Is(err, vfs.ErrNoAnswer) || time.Since(began) != time.Minute {
			t.Errorf("after %v: %d, %v", time.Since(began), n, err)
		}
		if _, err := dir.Stat("stuck"); !errors.Is(err, vfs.ErrNoAnswer) || time.Since(began) != time.Minute {
			t.Errorf("again after %v: %v", time.Since(began), err)
		}
		if _, err := dir.Stat("good"); err != nil {
			t.Error(err)
		}
		if err := errors.Join(f.Close(), dir.Close(), tree.Close()); err != nil {
			t.Error(err)
		}
		release()
		synctest.Wait()
		if !bytes.Equal(buf, make([]byte, 8)) {
			t.Errorf("what came too late was written: %q", buf)
		}
		if _, err = tree.OpenDir("d"); err == nil {
			t.Error("a closed tree opens")
		}
	})
}

// TestTimedTreeStops: when nobody wants answers any more every call ends at once.
func TestTimedTreeStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner, release := slowTree(func(path string) bool { return path == "stuck" })
		inner.WriteFile("stuck", nil)
		stopped := make(chan struct{})
		tree := vfs.Timed(inner, time.Hour, stopped)
		dir, err := tree.OpenDir("")
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Second, func() { close(stopped) })
		began := time.Now()
		for range 2 {
			if _, err := dir.Stat("stuck"); !errors.Is(err, vfs.ErrStopped) {
				t.Error(err)
			}
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("it took %v", d)
		}
		release()
	})
}

// TestTimedTreeBound: no more than so many calls are left behind, and with fewer it goes on.
func TestTimedTreeBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int64
		inner, release := slowTree(func(path string) bool {
			if len(path) == 4 {
				made.Add(1)
			}
			return len(path) == 4
		})
		tree := vfs.Timed(inner, time.Second, nil)
		dir, err := tree.OpenDir("")
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if _, err := dir.Stat(fmt.Sprintf("f%03d", i)); !errors.Is(err, vfs.ErrNoAnswer) {
				t.Error(err)
			}
		}
		if n := made.Load(); n != 64 {
			t.Errorf("%d calls were left behind", n)
		}
		if _, err := tree.Check(); !errors.Is(err, vfs.ErrNoAnswer) {
			t.Errorf("such a tree is well: %v", err)
		}
		release()
		synctest.Wait()
		if _, err := tree.Check(); err != nil {
			t.Errorf("when they have come back: %v", err)
		}
	})
}

// TestTimedTreeReads: names and content are those of the tree, however they are asked for.
func TestTimedTreeReads(t *testing.T) {
	inner, _ := slowTree(func(string) bool { return false })
	content := make([]byte, 5<<20+123)
	for i := range content {
		content[i] = byte(rand.Uint32())
	}
	inner.WriteFile("long", content)
	for i := range 300 {
		inner.WriteFile(fmt.Sprintf("f%03d", i), nil)
	}
	dir, err := vfs.Timed(inner, time.Minute, nil).OpenDir("")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	if err := dir.Names(func(name string, _ bool) error { seen[name] = true; return nil }); err != nil || len(seen) != 301 {
		t.Errorf("%d names, %v", len(seen), err)
	}
	enough, n := errors.New("enough"), 0
	if err := dir.Names(func(string, bool) error { n++; return enough }); err != enough || n != 1 {
		t.Errorf("%d names, %v", n, err)
	}
	f, err := dir.Open("long")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []struct{ off, n int }{{0, 3 << 20}, {100, 256 << 10}, {3 << 20, 2 << 20}, {4 << 20, 4 << 20}, {0, 8 << 20}, {6 << 20, 1 << 20}} {
		want := bytes.NewReader(content)
		a, b := make([]byte, r.n), make([]byte, r.n)
		n, err := f.ReadAt(a, int64(r.off))
		m, werr := want.ReadAt(b, int64(r.off))
		if n != m || !errors.Is(err, werr) || !bytes.Equal(a[:n], b[:m]) {
			t.Errorf("%+v: %d, %v, not %d, %v", r, n, err, m, werr)
		}
	}
}
