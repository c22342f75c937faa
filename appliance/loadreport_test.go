package appliance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// newSkips is a device that is loaded for the second time: of what it has, one file and
// a folder cannot be read any more and one vanishes; so do three that are new.
func newSkips(t *testing.T) *loads {
	l := newLoads(t)
	for _, name := range []string{"a-kept", "b-gone", "c-dir/x", "c-dir/y"} {
		l.write(name, "first "+name)
	}
	l.must(LoadOptions{})
	for _, name := range []string{"a-kept", "a-new", "b-gone", "b-new-gone", "c-dir/z", "d-new"} {
		l.write(name, "second, longer "+name)
	}
	for i := range skipsFiles {
		l.write(fmt.Sprintf("z%02d", i), strings.Repeat(fmt.Sprint("content of ", i), 25_000))
	}
	return l
}

// skipsFiles fill more than cut packs, however two workers share them.
const skipsFiles = 60

// loadSkips loads; if cut is not zero the load is cut off once so many packs are
// committed, and then goes on. One of its last files waits for these packs.
func (l *loads) loadSkips(cut uint64) *LoadReport {
	l.t.Helper()
	ctx, cancel := context.WithCancel(l.t.Context())
	defer cancel()
	before, resumed := l.d.state.packs, false
	l.tree.OnCall(func(c vfs.TreeCall) error {
		committed := func() bool {
			l.d.mu.Lock()
			defer l.d.mu.Unlock()
			return l.d.state.packs >= before+cut
		}
		if cut > 0 && !resumed {
			for last := c.Op == vfs.OpOpen && c.Path == fmt.Sprintf("z%02d", skipsFiles-5); last && !committed() && l.t.Context().Err() == nil; {
				time.Sleep(time.Millisecond)
			}
			if committed() {
				cancel()
			}
		}
		switch {
		case c.Op == vfs.OpReadDir && c.Path == "c-dir", c.Op == vfs.OpRead && (c.Path == "a-kept" || c.Path == "a-new" || c.Path == "d-new"):
			return syscall.EIO
		case c.Op == vfs.OpOpen && strings.HasSuffix(c.Path, "-gone"):
			return syscall.ENOENT
		}
		return nil
	})
	rep, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree, AcceptFindings: true})
	if cut == 0 {
		if err != nil {
			l.t.Fatal(err)
		}
		return rep
	}
	if !errors.Is(err, context.Canceled) {
		l.t.Fatalf("cut off after %d packs: %v", cut, err)
	}
	l.d.Close()
	l.d = l.mustDevice()
	resumed = true
	l.tree.Remove("b-gone")
	l.tree.Remove("b-new-gone")
	if rep, err = l.d.Load(l.t.Context(), "/site", LoadOptions{Tree: l.tree, AcceptFindings: true}); err != nil {
		l.t.Fatal(err)
	}
	if !rep.Resumed {
		l.t.Fatalf("cut off after %d packs: not resumed", cut)
	}
	return rep
}

// TestResumedReport: the report of a load that was interrupted and resumed is that of
// one that was not: what was loaded, what was skipped, and what of it is kept.
func TestResumedReport(t *testing.T) {
	whole := newSkips(t).loadSkips(0)
	if whole.SkippedCount != 6 {
		t.Fatalf("%d skipped: %+v", whole.SkippedCount, whole.Skipped)
	}
	for _, s := range whole.Skipped {
		if want := slices.Contains([]string{"a-kept", "b-gone", "c-dir"}, s.Path); s.Kept != want {
			t.Errorf("%s: kept is %v", s.Path, s.Kept)
		}
	}
	for cut := uint64(1); cut < 3; cut++ {
		l := newSkips(t)
		rep := l.loadSkips(cut)
		for what, pair := range map[string][2]any{
			"entries": {rep.Entries, whole.Entries}, "bytes": {rep.Bytes, whole.Bytes}, "skipped": {rep.SkippedCount, whole.SkippedCount},
			"remarked": {rep.Remarked, whole.Remarked}, "entries that are safe": {rep.Status.Entries, whole.Status.Entries}, "known": {rep.KnownContent, whole.KnownContent},
		} {
			if pair[0] != pair[1] {
				t.Errorf("cut after %d packs: %s: %v, uninterrupted %v", cut, what, pair[0], pair[1])
			}
		}
		for _, r := range []*LoadReport{rep, whole} {
			slices.SortFunc(r.Skipped, func(a, b SkippedEntry) int { return cmp.Compare(a.Path, b.Path) })
		}
		if !slices.Equal(rep.Skipped, whole.Skipped) {
			t.Errorf("cut after %d packs: skipped\n%+v, uninterrupted\n%+v", cut, rep.Skipped, whole.Skipped)
		}
	}
}
