package appliance

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestContinuedFigures: each figure of a continued load counts one thing: what this load
// has brought, be it before the interruption, and what was there before it was begun.
// Together they are the source.
func TestContinuedFigures(t *testing.T) {
	l := newLoads(t)
	l.cfg.Workers = 1
	l.d.Close()
	l.d = l.mustDevice()
	l.write("known", "1")
	l.write("known, and changes", "1")
	l.must(LoadOptions{})
	for _, name := range []string{"b", "c", "d", "e", "f", "g"} {
		l.write(name, strings.Repeat(name, 3<<20))
	}
	if err := errors.Join(l.tree.Link("b", "z-link"), l.tree.Link("c", "z-to-c")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cutReading(cancel, "g", 2) // c is in the second pack at the latest
	rep, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree})
	if err == nil {
		t.Fatal("the load was not interrupted")
	}
	l.tree.OnCall(nil)
	before := rep.Entries
	l.write("known, and changes", "twenty-two")
	l.write("c", "changed since") // in between: it is loaded twice, and is one entry, of the later call
	l.write("new", "3")
	rep = l.must(LoadOptions{})
	want := fmt.Sprintf("10 loaded, %d before, 1 unchanged, 11 in the source", before-1)
	if got := fmt.Sprintf("%d loaded, %d before, %d unchanged, %d in the source", rep.Entries, rep.Before, rep.Scan.Unchanged, rep.Scan.Entries); got != want || before == 0 {
		t.Errorf("%s; want %s", got, want)
	}
	if other := int64(len("1")); rep.Bytes != rep.Status.Bytes-other {
		t.Errorf("%d bytes loaded; the device has %d, and %d of them are of an earlier load", rep.Bytes, rep.Status.Bytes, other)
	}
	if rep = l.must(LoadOptions{}); rep.Entries != 0 || rep.Before != 0 || rep.Scan.Unchanged != 11 || rep.Resumed {
		t.Errorf("again: %+v", rep)
	}
}

// TestLossEndsLoad: whatever else ends a load, a loss is told: the disks that forget are
// met while it goes on, or after its last entry.
func TestLossEndsLoad(t *testing.T) {
	r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 1 << 20})
	for i := range 2 {
		r.cfg.Disks[i].FS = vfs.NewFault(r.mems[i], vfs.Rule{Op: vfs.OpWrite, Path: "*.shard", Zero: true})
	}
	d := r.mustDevice()
	defer d.Close()
	tree := vfs.NewMemTree(nil)
	for i := range 60 {
		tree.WriteFile(fmt.Sprint(i), []byte(strings.Repeat("a", 1<<20)))
	}
	rep, err := d.Load(context.Background(), "/site", LoadOptions{Tree: tree})
	if !errors.Is(err, ErrLost) && !errors.Is(err, ErrDoubted) || rep.Entries != 0 || rep.Lost == 0 {
		t.Errorf("%+v: %v", rep, err)
	}
}

// TestLoadedIsGivenBack: of what the disks forget nobody reads that it was loaded.
func TestLoadedIsGivenBack(t *testing.T) {
	for _, c := range []struct {
		name    string
		forget  int // disks that keep zeros
		loaded  uint64
		counted bool
	}{
		{"one disk", 1, 2, true},
		{"more than the parity", 2, 0, true},
		{"all disks", 3, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
			for i := range c.forget {
				r.cfg.Disks[i].FS = vfs.NewFault(r.mems[i], vfs.Rule{Op: vfs.OpWrite, Path: "*.shard", Zero: true})
			}
			d := r.mustDevice()
			defer d.Close()
			tree := vfs.NewMemTree(nil)
			tree.WriteFile("a", []byte(strings.Repeat("a", 100_000)))
			tree.WriteFile("b", []byte(strings.Repeat("b", 100_000)))
			rep, err := d.Load(context.Background(), "/site", LoadOptions{Tree: tree})
			if rep == nil {
				t.Fatal(err)
			}
			if lost := 2 - c.loaded; rep.Entries != c.loaded || rep.Lost != lost || rep.Bytes != 100_000*int64(c.loaded) || rep.LostBytes != 100_000*int64(lost) {
				t.Errorf("%d loaded, %d bytes, and %d lost, %d bytes: %v", rep.Entries, rep.Bytes, rep.Lost, rep.LostBytes, err)
			}
			if (c.forget > 1) != errors.Is(err, ErrLost) || (rep.Status.Uncounted == "") != c.counted {
				t.Errorf("%v; uncounted %q", err, rep.Status.Uncounted)
			}
		})
	}
}
