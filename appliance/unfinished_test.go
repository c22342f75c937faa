package appliance

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestContinuedLoad: a load that is continued takes what came in between, and reports
// what it had skipped before the interruption.
func TestContinuedLoad(t *testing.T) {
	l := newLoads(t)
	l.write("a-bad", "x")
	l.cfg.Workers = 1
	l.d.Close()
	l.d = l.mustDevice()
	for _, name := range []string{"b", "c", "d", "e", "f", "g", "h"} {
		l.write(name, name+strings.Repeat(name, 3<<20))
	}
	l.failing(vfs.OpRead, "a-bad")
	ctx, cancel := context.WithCancel(context.Background())
	l.cutAt(cancel, 2)
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
		t.Fatal("the load was not interrupted")
	}
	if left, err := l.d.Unfinished(); err != nil || len(left) != 1 || left[0].Root != "/site" {
		t.Fatalf("unfinished: %v, %v", left, err)
	}
	if _, err := l.d.Seal(context.Background(), l.sealOptions()); !errors.Is(err, seal.ErrIncomplete) {
		t.Errorf("seal: %v", err)
	}
	l.write("new/in between", "y")
	l.d.Close()
	l.d = l.mustDevice()
	l.failing(vfs.OpRead, "a-bad")
	begun := 0
	rep := l.must(LoadOptions{Begin: func() error { begun++; return nil }})
	if begun != 1 {
		t.Errorf("begun %d times", begun)
	}
	if !rep.Resumed || rep.SkippedCount != 1 || rep.Skipped[0].Path != "a-bad" || rep.Status.Skipped != 1 || rep.Entries != 9 {
		t.Errorf("resumed %v, skipped %d %+v, loaded %d, status %+v", rep.Resumed, rep.SkippedCount, rep.Skipped, rep.Entries, rep.Status)
	}
	if left, _ := l.d.Unfinished(); len(left) != 0 {
		t.Errorf("still unfinished: %v", left)
	}
}

// TestLongFileIsBegun: a load that was cut off in its first long file is unfinished
// work: no other load and no seal forgets it.
func TestLongFileIsBegun(t *testing.T) {
	l := newLoads(t)
	l.cfg.Workers = 1
	l.d.Close()
	l.d = l.mustDevice()
	l.write("long", strings.Repeat("0123456789abcdef", 1<<20))
	ctx, cancel := context.WithCancel(context.Background())
	l.cutAt(cancel, 1)
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
		t.Fatal("the load was not interrupted")
	}
	l.tree.OnCall(nil)
	if s := l.d.Status(); s.OpenFiles != 1 || s.Entries != 0 || s.Unfinished != 1 {
		t.Fatalf("status %+v", s)
	}
	other := vfs.NewMemTree(l.clockOf())
	other.SetVolume(vfs.Volume{ID: "uuid:2", Root: "ino:2"})
	other.WriteFile("x", []byte("x"))
	var unfinished *UnfinishedError
	if _, err := l.d.Load(context.Background(), "/other", LoadOptions{Tree: other}); !errors.As(err, &unfinished) || unfinished.Root != "/site" {
		t.Errorf("another load: %v", err)
	}
	var incomplete *IncompleteError
	if _, err := l.d.Seal(context.Background(), l.sealOptions()); !errors.Is(err, seal.ErrIncomplete) || !errors.As(err, &incomplete) || incomplete.Load.Root != "/site" {
		t.Errorf("seal: %v", err)
	}
	if _, err := l.d.Abandon("/nowhere", ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("abandon of what is not there: %v", err)
	}
	if _, err := l.d.Abandon("/site", ""); err != nil {
		t.Fatal(err)
	}
	l.d.Close()
	l.d = l.mustDevice()
	if _, err := l.d.Load(context.Background(), "/other", LoadOptions{Tree: other}); err != nil {
		t.Fatal(err)
	}
	l.sealed(wantTree{"x": "file x"})
}

// TestGivenUp: a load that was given up with a rest makes the seal one of an incomplete
// source, unless a later load of the source got all.
func TestGivenUp(t *testing.T) {
	for _, again := range []bool{false, true} {
		l := newLoads(t)
		l.write("a", strings.Repeat("a", 24<<20))
		l.write("b", "b")
		ctx, cancel := context.WithCancel(context.Background())
		l.cutAt(cancel, 1)
		if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
			t.Fatal("the load was not interrupted")
		}
		l.tree.OnCall(nil)
		if _, err := l.d.Abandon("/site", ""); err != nil {
			t.Fatal(err)
		}
		if again {
			l.must(LoadOptions{})
		} else if _, err := l.d.Load(context.Background(), "/other", LoadOptions{Tree: l.otherTree(vfs.Volume{ID: "uuid:2", Root: "ino:2"}, "x"), As: "o/"}); err != nil {
			t.Fatal(err)
		}
		var told uint64
		o := l.sealOptions()
		o.Counted = func(_, _, givenUp uint64) error { told = givenUp; return nil }
		res, err := l.d.Seal(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		if res.Statement.ScanComplete != again || (res.GivenUp == 0) != again || told != res.GivenUp {
			t.Errorf("loaded again %v: scan_complete %v, given up %d, told %d", again, res.Statement.ScanComplete, res.GivenUp, told)
		}
	}
}

// TestSourceMoved: an unfinished load is continued from another path if the operator
// says so, or by itself where the file system can be told.
func TestSourceMoved(t *testing.T) {
	for _, known := range []bool{true, false} {
		l := newLoads(t)
		if !known {
			l.tree.SetVolume(vfs.Volume{})
		}
		l.write("a", strings.Repeat("a", 24<<20))
		l.write("b", "b")
		ctx, cancel := context.WithCancel(context.Background())
		l.cutAt(cancel, 1)
		if _, err := l.d.Load(ctx, "/card", LoadOptions{Tree: l.tree}); err == nil {
			t.Fatal("the load was not interrupted")
		}
		l.tree.OnCall(nil)
		o := LoadOptions{Tree: l.tree}
		if !known {
			if _, err := l.d.Load(context.Background(), "/card1", o); !errors.Is(err, ErrUnfinished) {
				t.Fatalf("without --source-moved: %v", err)
			}
			o.Moved = []string{"/card"}
		}
		rep, err := l.d.Load(context.Background(), "/card1", o)
		if err != nil || !rep.Resumed || rep.Entries != 2 {
			t.Fatalf("known %v: %v, %+v", known, err, rep)
		}
		l.sealed(wantTree{"a": "file " + strings.Repeat("a", 24<<20), "b": "file b"})
	}
}
