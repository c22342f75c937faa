package fetch

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/pace"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/vfs"
)

// tree is a source of files of one size, in folders of ten, settled for long.
func tree(t *testing.T, files, size int) (*vfs.MemTree, *scan.Source, []*scan.Item) {
	t.Helper()
	now := time.Now().Add(-time.Hour)
	tree := vfs.NewMemTree(func() time.Time { now = now.Add(time.Second); return now })
	for i := range files {
		tree.WriteFile(fmt.Sprintf("d%03d/f%d", i/10, i%10), bytes.Repeat([]byte{byte(i)}, size))
	}
	src, err := scan.Open("/site", "", tree)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(src.Close)
	items := make([]*scan.Item, files)
	for i := range items {
		items[i] = src.Stat(fmt.Sprintf("d%03d/f%d", i/10, i%10))
	}
	return tree, src, items
}

// TestFetch: entries are read many at once, come with their content, and each folder is
// opened once.
func TestFetch(t *testing.T) {
	tree, src, items := tree(t, 200, 100)
	const most = 16
	var flying, highest, folders atomic.Int64
	all := make(chan struct{})
	reached := sync.OnceFunc(func() { close(all) })
	tree.OnCall(func(c vfs.TreeCall) error {
		switch c.Op {
		case vfs.OpOpen:
			if len(c.Path) == 4 {
				folders.Add(1)
			}
		case vfs.OpRead:
			n := flying.Add(1)
			defer flying.Add(-1)
			highest.Store(max(highest.Load(), n))
			if n == most {
				reached()
			}
			select {
			case <-all:
			case <-time.After(10 * time.Second):
				t.Errorf("never %d reads in flight", most)
				reached()
			}
		}
		return nil
	})
	f := New(src, pace.New(most), true, 2*most)
	defer f.Close()
	r := f.Ask(context.Background(), items)
	for i := range items {
		got := r.Take(i)
		if got == nil || !bytes.Equal(got.Content, bytes.Repeat([]byte{byte(i)}, 100)) {
			t.Fatalf("%s: %+v", items[i].Path, got)
		}
		r.Done(i)
	}
	if n := highest.Load(); n != most {
		t.Errorf("%d reads in flight, %d are allowed", n, most)
	}
	if n := folders.Load(); n != 20 {
		t.Errorf("%d folders were opened, there are 20", n)
	}
}

// TestFetchBounded: what was read and not taken is no more than MaxBytes.
func TestFetchBounded(t *testing.T) {
	const size = MaxFile / 2
	tree, src, items := tree(t, 120, size)
	var reads atomic.Int64
	tree.OnCall(func(c vfs.TreeCall) error {
		if c.Op == vfs.OpRead {
			reads.Add(1)
		}
		return nil
	})
	f := New(src, pace.New(32), true, 64)
	defer f.Close()
	r := f.Ask(context.Background(), items)
	for i := range items {
		if r.Take(i) == nil {
			t.Fatalf("%s was not read", items[i].Path)
		}
		if n := reads.Load(); n > int64(i)+MaxBytes/size {
			t.Fatalf("%d files were read when %d were taken", n, i)
		}
		r.Done(i)
	}
}

// TestFetchLeaves: what the scan saw otherwise is left to who reads it with more care.
func TestFetchLeaves(t *testing.T) {
	for name, change := range map[string]func(*vfs.MemTree){
		"longer":       func(t *vfs.MemTree) { t.WriteFile("d000/f0", make([]byte, 101)) },
		"shorter":      func(t *vfs.MemTree) { t.WriteFile("d000/f0", make([]byte, 99)) },
		"other bytes":  func(t *vfs.MemTree) { t.WriteFile("d000/f0", make([]byte, 100)) },
		"gone":         func(t *vfs.MemTree) { t.Remove("d000/f0") },
		"another kind": func(t *vfs.MemTree) { t.Remove("d000/f0"); t.Symlink("f1", "d000/f0") },
	} {
		tree, src, items := tree(t, 2, 100)
		change(tree)
		f := New(src, pace.New(4), true, 8)
		r := f.Ask(context.Background(), items)
		if got := r.Take(0); got != nil {
			t.Errorf("%s: taken as %+v", name, got)
		}
		if r.Take(1) == nil {
			t.Errorf("%s: the file beside it was not read", name)
		}
		f.Close()
	}
}

// TestFetchStops: whoever waits for an entry is answered when the load ends, and a source
// that answers soon has nothing read ahead.
func TestFetchStops(t *testing.T) {
	tree, src, items := tree(t, 4, 100)
	hold := make(chan struct{})
	tree.OnCall(func(vfs.TreeCall) error { <-hold; return nil })
	f := New(src, pace.New(2), true, 4)
	r := f.Ask(context.Background(), items)
	ended := make(chan struct{})
	go func() { r.Take(3); close(ended) }()
	f.Stop()
	<-ended
	close(hold)
	f.Close()
	if f.Ask(context.Background(), items) != nil {
		t.Error("it goes on after its end")
	}
	soon := New(src, pace.New(0), false, 64)
	defer soon.Close()
	soon.Answered(time.Microsecond)
	if soon.Ask(context.Background(), items) != nil {
		t.Error("a local source is read ahead")
	}
	for range 64 {
		soon.Answered(time.Millisecond)
	}
	if soon.Ask(context.Background(), items) == nil {
		t.Error("a slow source is not read ahead")
	}
}

// TestFetchUnsettled: a file that was changed a moment ago may change once more and look the
// same, so that it is not read ahead.
func TestFetchUnsettled(t *testing.T) {
	tree := vfs.NewMemTree(nil)
	tree.SetVolume(vfs.Volume{FS: "mem", StableInodes: true, Coarse: 10 * time.Second})
	tree.WriteFile("f", []byte("just now"))
	src, err := scan.Open("/site", "", tree)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	f := New(src, pace.New(4), true, 8)
	defer f.Close()
	if got := f.Ask(context.Background(), []*scan.Item{src.Stat("f")}).Take(0); got != nil {
		t.Errorf("taken as %+v", got)
	}
}
