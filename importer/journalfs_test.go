package importer

import (
	"context"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestStateDiskDies takes the state folder's disk away at each operation, also
// between two calls of ours, where the journal works in the background: the run
// halts and says why, and the same call goes on from what a crash leaves.
func TestStateDiskDies(t *testing.T) {
	rng := newRand(20)
	for n := int64(1); ; n++ {
		s, f, disk := newSource(), newFake(t), memDisk()
		for i := range 12 {
			s.file(string(rune('a'+i)), pattern(byte(i), 100))
		}
		disk.OnOp(func(op vfs.Op) error {
			if op.N == n {
				disk.Halt()
			}
			return nil
		})
		_, err := Run(context.Background(), s, f, testOptions(nil, disk))
		if disk.Ops() < n {
			t.Logf("figure: the state folder's disk died at each of %d operations", n-1)
			if err != nil || n < 50 {
				t.Errorf("%d operations, %v", n, err)
			}
			return
		}
		if err != nil && !hasCode(err, CodeJournalLost) {
			t.Fatalf("operation %d: %v", n, err)
		}
		o := testOptions(nil, disk.CrashClone(rng, []int{0, 50, 100}[n%3]))
		if res := mustRun(t, s, f, o); !res.Complete {
			t.Fatalf("operation %d: then %+v", n, res)
		}
		f.check(t, s, "in/")
	}
}
