package scan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// manyFolders is a tree of nested folders with names that sort about the slash.
func manyFolders() *vfs.MemTree {
	tree := vfs.NewMemTree(nil)
	for i := range 40 {
		for _, name := range []string{"a", "b/c", "b/d/e", "b.x", "b0", "b/\xff\xff/x", "b/\xff\xff"} {
			if name != "b/\xff\xff" {
				tree.WriteFile(fmt.Sprintf("d%d/%s", i%20, fmt.Sprint(name, i)), nil)
			}
		}
		tree.WriteFile(fmt.Sprintf("flat/%d", i), nil)
	}
	return tree
}

func walkWith(t *testing.T, tree vfs.Tree, concurrency int) []string {
	t.Helper()
	s := open(tree, "/", "")
	s.Concurrency = concurrency
	var paths []string
	if err := s.walk(func(it *Item) error { paths = append(paths, it.OrderKey()); return nil }); err != nil {
		t.Fatal(err)
	}
	return paths
}

// The looks of many folders are in flight at once, and the entries come in order.
func TestWalkAhead(t *testing.T) {
	tree := manyFolders()
	want := walkWith(t, tree, 1)
	if !slices.IsSorted(want) {
		t.Error("not in the manifest's order")
	}
	const most = 32
	var flying, highest atomic.Int64
	all := make(chan struct{})
	reached := sync.OnceFunc(func() { close(all) })
	tree.OnCall(func(c vfs.TreeCall) error {
		n := flying.Add(1)
		defer flying.Add(-1)
		for old := highest.Load(); n > old && !highest.CompareAndSwap(old, n); old = highest.Load() {
		}
		if n >= most {
			reached()
		}
		if c.Op == vfs.OpStat { // hold looks until so many are there
			select {
			case <-all:
			case <-time.After(10 * time.Second):
				t.Errorf("never %d calls in flight", most)
				reached()
			}
		}
		return nil
	})
	got := walkWith(t, tree, most)
	tree.OnCall(nil)
	if !slices.Equal(got, want) {
		t.Errorf("another order:\n%q\n%q", got, want)
	}
	if n := highest.Load(); n > most {
		t.Errorf("%d calls in flight, %d allowed", n, most)
	}
}

// While one look hangs, the others go on as far as the bound allows.
func TestWalkStalled(t *testing.T) {
	tree := vfs.NewMemTree(nil)
	for i := range maxLooks + 4*keysAtOnce {
		tree.WriteFile(fmt.Sprintf("%d/%05d", i/1000, i), nil)
	}
	want := walkWith(t, tree, 2)
	var looked atomic.Int64
	full, release := make(chan struct{}), make(chan struct{})
	tree.OnCall(func(c vfs.TreeCall) error {
		switch {
		case c.Op != vfs.OpStat:
		case c.Path == "0/00000":
			<-release
		case looked.Add(1) == maxLooks-1000:
			close(full)
		}
		return nil
	})
	go func() {
		select {
		case <-full:
		case <-time.After(10 * time.Second):
			t.Error("the rest does not go on")
		}
		if n := looked.Load(); n > maxLooks+2*keysAtOnce {
			t.Errorf("%d looks beyond the entry that hangs", n)
		}
		close(release)
	}()
	if got := walkWith(t, tree, 4); !slices.Equal(got, want) {
		t.Error("another order")
	}
}

// openFolders counts the folders that are open.
type openFolders struct {
	vfs.Tree
	n, highest atomic.Int64
}

type countedDir struct {
	vfs.Dir
	of *openFolders
}

func (o *openFolders) OpenDir(path string) (vfs.Dir, error) {
	d, err := o.Tree.OpenDir(path)
	if err != nil {
		return nil, err
	}
	n := o.n.Add(1)
	for old := o.highest.Load(); n > old && !o.highest.CompareAndSwap(old, n); old = o.highest.Load() {
	}
	return &countedDir{d, o}, nil
}

func (d *countedDir) Close() error { d.of.n.Add(-1); return d.Dir.Close() }

// A walk that ends, by itself or in the middle, leaves no folder open.
func TestWalkClosesFolders(t *testing.T) {
	tree := vfs.NewMemTree(nil)
	for i := range 600 {
		tree.WriteFile(fmt.Sprintf("%d/%d/f", i%30, i), nil)
	}
	stop := errors.New("stop")
	for _, after := range []int{0, 1, 100, 700, 1 << 20} {
		o := &openFolders{Tree: tree}
		s := open(o, "/", "")
		s.Concurrency = 200
		n := 0
		err := s.walkAhead(context.Background(), func(*Item) error {
			if n++; n > after {
				return stop
			}
			return nil
		})
		if after < 1<<20 && !errors.Is(err, stop) || after == 1<<20 && (err != nil || n != 1230) {
			t.Errorf("after %d: %d entries, %v", after, n, err)
		}
		if left := o.n.Load(); left != 0 || o.highest.Load() > maxOpen+2 {
			t.Errorf("after %d: %d folders are open, %d were at most", after, left, o.highest.Load())
		}
	}
}
