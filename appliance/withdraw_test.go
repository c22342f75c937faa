package appliance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/filter"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/vfs"
)

var allGone = MaxDelete{On: true, Entries: 100, Percent: true}

// twenty loads a tree of twenty entries and more.
func twenty(t *testing.T) *loads {
	l := newTwenty(t)
	l.must(LoadOptions{})
	return l
}

func newTwenty(t *testing.T) *loads {
	l := newLoads(t)
	for i := range 18 {
		l.write(fmt.Sprintf("f%02d", i), "x")
	}
	l.write("dir/a", "a")
	l.write("dir/sub/b", "b")
	l.write("other/c", "c")
	return l
}

// has reports which of the paths the manifest would hold.
func (l *loads) has(paths ...string) (out []string) {
	l.t.Helper()
	err := l.d.Holdings(context.Background(), func(h Holding) error {
		if slices.Contains(paths, h.Path) {
			out = append(out, h.Path)
		}
		return nil
	})
	if err != nil {
		l.t.Fatal(err)
	}
	return out
}

// TestWithdraw: what is gone leaves the manifest, and what comes back is loaded again.
func TestWithdraw(t *testing.T) {
	l := twenty(t)
	l.tree.Remove("f00")
	l.tree.Remove("dir")
	rep := l.must(LoadOptions{})
	if rep.Scan.Gone != 5 || rep.Withdrawn != 0 {
		t.Errorf("not asked for: %d gone, %d withdrawn", rep.Scan.Gone, rep.Withdrawn)
	}
	if _, err := l.load(LoadOptions{Withdraw: MaxDelete{On: true, Entries: 10, Percent: true}}); !errors.Is(err, ErrTooManyGone) {
		t.Errorf("5 of 24: %v", err)
	}
	if got := l.has("f00", "dir/a"); len(got) != 2 {
		t.Errorf("a refused load withdrew: %q are left", got)
	}
	rep = l.must(LoadOptions{Withdraw: MaxDelete{On: true, Entries: 5}})
	if rep.Withdrawn != 5 || rep.WithdrawHeld != 0 || len(l.has("f00", "dir", "dir/a", "dir/sub", "dir/sub/b")) != 0 {
		t.Errorf("%d withdrawn, %d held, has %q", rep.Withdrawn, rep.WithdrawHeld, l.has("f00", "dir", "dir/a", "dir/sub", "dir/sub/b"))
	}
	if rep = l.must(LoadOptions{Withdraw: allGone}); rep.Withdrawn != 0 || rep.Scan.Gone != 0 {
		t.Errorf("again: %d gone, %d withdrawn", rep.Scan.Gone, rep.Withdrawn)
	}
	l.write("dir/a", "back")
	l.must(LoadOptions{Withdraw: allGone})
	want := wantTree{"dir": "dir", "dir/a": "file back", "other": "dir", "other/c": "file c"}
	for i := 1; i < 18; i++ {
		want[fmt.Sprintf("f%02d", i)] = "file x"
	}
	l.sealed(want)
}

// TestWithdrawsNothing: what was not asked for, not listed, or lies where something else may be
// mounted, is not withdrawn.
func TestWithdrawsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(l *loads)
		options LoadOptions
		err     error
	}{
		"left out":        {func(*loads) {}, LoadOptions{Filter: mustFilter(t, filter.Spec{Exclude: []string{"f*", "dir"}}, time.Now())}, nil},
		"left out by age": {func(*loads) {}, LoadOptions{Filter: mustFilter(t, filter.Spec{MaxAge: "1h", Include: []string{"f01"}}, time.Now())}, scan.ErrLeftOut},
		"not listed":      {func(l *loads) { l.tree.Remove("dir/a"); l.failing(vfs.OpReadDir, "dir") }, LoadOptions{}, nil},
		"empty source": {func(l *loads) {
			for i := range 18 {
				l.tree.Remove(fmt.Sprintf("f%02d", i))
			}
			l.tree.Remove("dir")
			l.tree.Remove("other")
		}, LoadOptions{AllowEmpty: true}, nil},
		"empty folder": {func(l *loads) { l.tree.Remove("dir/a"); l.tree.Remove("dir/sub") }, LoadOptions{}, nil},
		"other file system": {func(l *loads) {
			l.tree.Remove("f00")
			l.tree.SetVolume(vfs.Volume{FS: "mem", ID: "new", Root: "ino:1"})
		}, LoadOptions{Replace: true}, nil},
		"unknown source": {func(l *loads) { l.tree.Remove("f00"); l.tree.SetVolume(vfs.Volume{FS: "mem"}) }, LoadOptions{Replace: true}, nil},
		"refused medium": {func(l *loads) {
			l.tree.Remove("f00")
			l.tree.SetVolume(vfs.Volume{FS: "mem", ID: "new", Root: "ino:1"})
		}, LoadOptions{}, ErrOtherMedium},
		"under another name": {func(l *loads) { l.tree.Remove("f00") }, LoadOptions{As: "elsewhere"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			l := twenty(t)
			c.change(l)
			c.options.Withdraw = allGone
			rep, err := l.load(c.options)
			if !errors.Is(err, c.err) {
				t.Fatal(err)
			}
			if rep != nil && rep.Withdrawn != 0 {
				t.Errorf("%d withdrawn", rep.Withdrawn)
			}
			if got := l.has("f00", "dir", "dir/a", "dir/sub/b", "other/c"); len(got) != 5 {
				t.Errorf("left: %q", got)
			}
		})
	}
}

// TestWithdrawHeld: a name that carries the content of one that stays is not withdrawn, nor a
// folder of which something stays.
func TestWithdrawHeld(t *testing.T) {
	l := newLoads(t)
	l.write("a", "content")
	if err := l.tree.Link("a", "z/b"); err != nil {
		t.Fatal(err)
	}
	l.write("dir/x", "x")
	l.write("dir/y", "y")
	l.must(LoadOptions{})
	l.tree.Remove("a")
	l.tree.Remove("dir")
	l.write("later", "1")
	rep := l.must(LoadOptions{Withdraw: allGone, Filter: mustFilter(t, filter.Spec{Exclude: []string{"z"}}, time.Now())})
	if rep.Withdrawn != 3 || rep.WithdrawHeld != 1 || len(l.has("a")) != 1 {
		t.Errorf("%d withdrawn, %d held", rep.Withdrawn, rep.WithdrawHeld)
	}
	l.sealed(wantTree{"a": "file content", "z": "dir", "z/b": "file content", "later": "file 1"})
}

// TestWithdrawWaits: nothing is withdrawn while something could not be read, or came while the
// source was loaded: what seems gone may have gone there.
func TestWithdrawWaits(t *testing.T) {
	for name, c := range map[string]struct {
		change func(l *loads)
		says   string
	}{
		"moved to what cannot be read": {func(l *loads) {
			l.tree.Remove("other/c")
			l.write("other/d", "d")
			l.write("dir/moved", "c")
			l.failing(vfs.OpRead, "dir/moved")
		}, "could not be read"},
		"moved behind the scan": {func(l *loads) { // when the scan has passed dir
			l.tree.OnCall(func(c vfs.TreeCall) error {
				if c.Op == vfs.OpReadDir && c.Path == "other" {
					l.tree.OnCall(nil)
					l.tree.Remove("other/c")
					l.write("other/d", "d")
					l.write("dir/c", "c")
				}
				return nil
			})
		}, "was changed while it was loaded"},
	} {
		t.Run(name, func(t *testing.T) {
			l := twenty(t)
			c.change(l)
			rep, err := l.load(LoadOptions{Withdraw: allGone, SourceConcurrency: 1})
			if err != nil {
				t.Fatal(err)
			}
			if rep.Withdrawn != 0 || !strings.Contains(rep.NotWithdrawn, c.says) || len(l.has("other/c")) != 1 {
				t.Errorf("%d withdrawn: %q, %d gone", rep.Withdrawn, rep.NotWithdrawn, rep.Scan.Gone)
			}
		})
	}
}

// TestWithdrawLooksAgain: what is there again when it is to be withdrawn stays.
func TestWithdrawLooksAgain(t *testing.T) {
	l := twenty(t)
	l.tree.Remove("f00")
	l.tree.Remove("f01")
	looks := 0
	l.tree.OnCall(func(c vfs.TreeCall) error {
		if c.Op == vfs.OpStat && c.Path == "f00" { // only once the scans are over
			l.tree.OnCall(nil)
			looks++
			l.write("f00", "x")
		}
		return nil
	})
	rep := l.must(LoadOptions{Withdraw: allGone})
	if looks != 1 || rep.Withdrawn != 1 || rep.WithdrawHeld != 1 || len(l.has("f00", "f01")) != 1 {
		t.Errorf("looked %d times; %d withdrawn, %d held", looks, rep.Withdrawn, rep.WithdrawHeld)
	}
}

// TestWithdrawUnmounted: what lay on another file system stays when that is not mounted any
// more, whatever lies where it was.
func TestWithdrawUnmounted(t *testing.T) {
	for name, change := range map[string]func(l *loads){
		"a marker": func(l *loads) { l.tree.Remove("dir"); l.write("dir/NOT_MOUNTED", "") },
		"nothing":  func(l *loads) { l.tree.Remove("dir") },
	} {
		t.Run(name, func(t *testing.T) {
			l := newTwenty(t)
			l.tree.Mount("dir", 77)
			l.must(LoadOptions{})
			change(l)
			l.tree.Remove("f00")
			rep := l.must(LoadOptions{Withdraw: allGone})
			if rep.Withdrawn != 1 || len(l.has("dir/a", "dir/sub/b")) != 2 {
				t.Errorf("%d withdrawn, %d held: %q", rep.Withdrawn, rep.WithdrawHeld, l.has("dir/a", "dir/sub/b"))
			}
		})
	}
}

// TestWithdrawKeepsAboveCarrier: the folders above a name that carries the content of one that
// stays are not withdrawn.
func TestWithdrawKeepsAboveCarrier(t *testing.T) {
	l := newLoads(t)
	l.write("a/deep/x", "content")
	if err := l.tree.Link("a/deep/x", "z"); err != nil {
		t.Fatal(err)
	}
	l.write("later", "1")
	l.must(LoadOptions{})
	l.tree.Remove("a")
	rep := l.must(LoadOptions{Withdraw: allGone, Filter: mustFilter(t, filter.Spec{Exclude: []string{"z"}}, time.Now())})
	if rep.Withdrawn != 0 || len(l.has("a", "a/deep", "a/deep/x")) != 3 {
		t.Errorf("%d withdrawn, left %q", rep.Withdrawn, l.has("a", "a/deep", "a/deep/x"))
	}
}
