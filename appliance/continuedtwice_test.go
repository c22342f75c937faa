package appliance

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// TestContinuedTwice: a load that is cut off again, while it takes what was new since
// the first time, is still one load: what all its calls have brought counts as loaded.
func TestContinuedTwice(t *testing.T) {
	l := newLoads(t)
	l.cfg.Workers = 1
	l.d.Close()
	l.d = l.mustDevice()
	l.write("known", "1")
	l.must(LoadOptions{})
	cut := func(names string, packs uint64) {
		t.Helper()
		for _, name := range strings.Split(names, "") {
			l.write(name, strings.Repeat(name, 3<<20))
		}
		ctx, cancel := context.WithCancel(context.Background())
		l.cutReading(cancel, names[len(names)-1:], l.d.Status().Packs+packs)
		if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
			t.Fatalf("the load of %s was not interrupted", names)
		}
		l.tree.OnCall(nil)
	}
	cut("bcdef", 1)
	cut("uvwxyz", 3)
	l.write("zz", "3")
	rep := l.must(LoadOptions{})
	want := "12 loaded, 1 unchanged, 13 in the source"
	if got := fmt.Sprintf("%d loaded, %d unchanged, %d in the source", rep.Entries, rep.Scan.Unchanged, rep.Scan.Entries); got != want || rep.Before == 0 {
		t.Errorf("%s, %d of them before; want %s", got, rep.Before, want)
	}
}
