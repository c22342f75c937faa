package importer

import (
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// TestRecheckOfAKilledStart: a start was killed before its journal held anything for stored.
// A later one that does not find the run's marker may be at another bucket of the same name:
// it halts and sends nothing. At the first bucket it goes on.
func TestRecheckOfAKilledStart(t *testing.T) {
	for n := 1; n <= 6; n++ {
		s, f := mixed(), newFake(t)
		disk := killedAt(t, s, f, n)
		o := testOptions(t, disk)
		mine := f.objects
		f.objects = map[string]fakeObject{}
		if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeTargetChanged) || len(f.objects) > 0 {
			t.Errorf("killed at %d, another bucket: %v, %d objects", n, err, len(f.objects))
		}
		f.objects = mine
		if res := mustRun(t, s, f, o); !res.Complete {
			t.Errorf("killed at %d, the first bucket: %+v", n, res)
		}
		f.check(t, s, "in/")
	}
}
