package appliance

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/extract"
)

// TestExtractTellsPartial: what is extracted of a device that was sealed in mid-load is
// told as partial, also where nearly all had been loaded; a whole one is not.
func TestExtractTellsPartial(t *testing.T) {
	for name, cut := range map[string]bool{"whole": false, "in mid-load": true} {
		t.Run(name, func(t *testing.T) {
			l := newLoads(t)
			l.cfg.Workers = 1
			l.d.Close()
			l.d = l.mustDevice()
			for i := range 30 {
				l.write(fmt.Sprintf("a%02d", i), "small")
			}
			for _, name := range []string{"b", "c", "d", "e", "f", "g", "h"} {
				l.write(name, strings.Repeat(name, 1+btoi(cut)*(3<<20)))
			}
			o := l.sealOptions()
			if cut {
				ctx, cancel := context.WithCancel(context.Background())
				l.cutAt(cancel, 2)
				if _, err := l.d.Load(ctx, "/site", LoadOptions{Tree: l.tree}); err == nil {
					t.Fatal("the load was not interrupted")
				}
				l.tree.OnCall(nil)
				o.Incomplete = true
			} else {
				l.must(LoadOptions{})
			}
			entries := l.d.Status().Entries
			res, err := l.d.Seal(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			rd, err := l.openReader(l.cfg.Disks, res.Label)
			if err != nil {
				t.Fatal(err)
			}
			defer rd.Close()
			rep, err := extract.Run(context.Background(), rd, t.TempDir(), extract.Options{})
			if err != nil || rep.Partial != cut || rep.Entries != entries || cut && entries < 20 {
				t.Errorf("%v, partial %v, %d of %d entries", err, rep.Partial, rep.Entries, entries)
			}
		})
	}
}
