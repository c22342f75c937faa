package appliance

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/filter"
)

func mustFilter(t *testing.T, spec filter.Spec, now time.Time) *filter.Set {
	t.Helper()
	f, err := filter.New(spec, now)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestResumeWithOtherFilters: a load is resumed with the filters that it was begun with, whose
// ages count from its beginning; others are refused, and named.
func TestResumeWithOtherFilters(t *testing.T) {
	l := newLoads(t)
	l.cfg.Workers = 1
	l.d.Close()
	l.d = l.mustDevice()
	for _, name := range []string{"b", "c", "d", "e"} {
		l.write(name, strings.Repeat(name, 3<<20))
	}
	l.write("x.tmp", "left out")
	began := time.Unix(1_700_000_000, 0).Add(time.Hour)
	spec := filter.Spec{Exclude: []string{"*.tmp"}, MaxAge: "2h"}
	ctx, cancel := context.WithCancel(context.Background())
	l.cutAt(cancel, 2)
	if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree, Filter: mustFilter(t, spec, began)}); err == nil {
		t.Fatal("the load was not interrupted")
	}
	l.tree.OnCall(nil)
	for _, other := range []filter.Spec{{}, {Exclude: []string{"*.tmp"}}} {
		_, err := l.load(LoadOptions{Filter: mustFilter(t, other, began)})
		if !errors.Is(err, ErrOtherFilters) || !strings.Contains(err.Error(), `2 filters, "exclude *.tmp", "max-age 2h"`) {
			t.Errorf("%+v: %v", other, err)
		}
	}
	l.write("late", "1")
	rep := l.must(LoadOptions{Filter: mustFilter(t, spec, began.Add(100*time.Hour))})
	if !rep.Resumed || rep.Entries != 5 || rep.Scan.LeftOutCount != 1 || rep.Scan.Filters == "" {
		t.Errorf("resumed %v, %d entries, %d left out", rep.Resumed, rep.Entries, rep.Scan.LeftOutCount)
	}
	for _, name := range []string{"b", "c", "d", "e"} {
		l.want[name] = "file " + strings.Repeat(name, 3<<20)
	}
	l.want["late"] = "file 1"
	l.sealed(l.want)
}

// TestLeftOutStays: what was loaded and is left out now is neither gone nor withdrawn, also
// where it has become another kind meanwhile, or its folder is entered no more.
func TestLeftOutStays(t *testing.T) {
	l := newLoads(t)
	files := []string{"a", "dir/x", "dir/y/z", "kept", "turned"}
	for _, f := range files {
		l.write(f, "of "+f)
		l.want[f] = "file of " + f
	}
	l.must(LoadOptions{})
	l.tree.Remove("turned")
	l.write("turned/into", "a folder")
	l.write("kept", "changed")
	l.want["kept"] = "file changed"
	rep := l.must(LoadOptions{Filter: mustFilter(t, filter.Spec{Exclude: []string{"a", "dir", "turned"}}, time.Now())})
	if r := rep.Scan; r.Gone != 0 || r.Dropped != 0 || r.Replaced != 1 || r.Kept != 6 || r.LeftOutCount != 3 {
		t.Errorf("%d gone, %d dropped, %d replaced, %d kept, %d left out", r.Gone, r.Dropped, r.Replaced, r.Kept, r.LeftOutCount)
	}
	l.want["dir"], l.want["dir/y"] = "dir", "dir"
	l.sealed(l.want)
}
