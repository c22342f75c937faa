package appliance

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// TestContinuedNamesDropped: what a load has dropped is named by the call that ends it,
// also if the list that says so was made by an earlier call.
func TestContinuedNamesDropped(t *testing.T) {
	l := newLoads(t)
	l.cfg.Workers = 1
	l.d.Close()
	l.d = l.mustDevice()
	l.write("z/in", "1")
	l.must(LoadOptions{})
	for _, name := range []string{"b", "c", "d", "e"} {
		l.write(name, strings.Repeat(name, 3<<20))
	}
	l.tree.Remove("z")
	l.write("z", "2")
	ctx, cancel := context.WithCancel(context.Background())
	l.cutAt(cancel, 2)
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
		t.Fatal("the load was not interrupted")
	}
	if l.d.Status().Dropped != 0 {
		t.Fatal("it was interrupted too late")
	}
	l.tree.OnCall(nil)
	rep := l.must(LoadOptions{})
	if !rep.Resumed || rep.Scan.Dropped != 1 || !slices.Equal(rep.Scan.DroppedPaths, []string{"z/in"}) || rep.Scan.Replaced != 1 {
		t.Errorf("resumed %v, %d dropped %q, %d replaced %q", rep.Resumed, rep.Scan.Dropped, rep.Scan.DroppedPaths, rep.Scan.Replaced, rep.Scan.ReplacedPaths)
	}
}

// TestContinuedCounts: what a continued load has loaded is counted once, and all of it:
// also new versions of what earlier loads had loaded.
func TestContinuedCounts(t *testing.T) {
	l := newLoads(t)
	l.cfg.Workers = 1
	l.d.Close()
	l.d = l.mustDevice()
	l.write("old", "1")
	l.write("older", "2")
	l.must(LoadOptions{})
	for _, name := range []string{"b", "c", "d", "e"} {
		l.write(name, strings.Repeat(name, 3<<20))
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cutAt(cancel, 2)
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
		t.Fatal("the load was not interrupted")
	}
	l.tree.OnCall(nil)
	l.write("old", "changed")
	l.write("b", "changed, and loaded by both lists")
	rep := l.must(LoadOptions{})
	if !rep.Resumed || rep.Entries != 5 || rep.SkippedCount != 0 {
		t.Errorf("resumed %v, %d entries, want b, c, d, e and old; %d skipped", rep.Resumed, rep.Entries, rep.SkippedCount)
	}
}

// TestContinuedFlips: of what a load had loaded before an interruption and what has
// become of another kind since, the load counts what the manifest has.
func TestContinuedFlips(t *testing.T) {
	for _, c := range []struct {
		name          string
		first, second []string // what is there at the interruption and later, besides b, c and e
	}{
		{"folder to file", []string{"a/1", "a/2", "a/3"}, []string{"a"}},
		{"file to folder", []string{"a"}, []string{"a/1", "a/2"}},
		{"folder below to file", []string{"a/x/1", "a/x/2"}, []string{"a/x"}},
		{"file below to folder", []string{"a/x"}, []string{"a/x/1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLoads(t)
			l.oneWorker()
			for _, name := range c.first {
				l.write(name, "first")
			}
			for _, name := range []string{"b", "c", "e"} {
				l.write(name, strings.Repeat(name, 3<<20))
			}
			ctx, cancel := context.WithCancel(t.Context())
			l.cutReading(cancel, "e", 1)
			if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
				t.Fatal("the load was not interrupted")
			}
			l.tree.OnCall(nil)
			for _, name := range c.first {
				l.tree.Remove(name)
			}
			l.tree.Remove("a/x")
			l.tree.Remove("a")
			for _, name := range c.second {
				l.write(name, "second")
			}
			rep := l.must(LoadOptions{})
			if st := rep.Status; !rep.Resumed || rep.Entries != st.Entries || rep.Entries != rep.Scan.Entries || rep.Bytes != st.Bytes || rep.Before >= rep.Entries {
				t.Errorf("resumed %v, %d loaded of %d, %d bytes, %d before; on the device are %d, %d bytes", rep.Resumed, rep.Entries, rep.Scan.Entries, rep.Bytes, rep.Before, st.Entries, st.Bytes)
			}
		})
	}
}
