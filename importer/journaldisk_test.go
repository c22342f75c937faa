package importer

import (
	"context"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestStateDiskDies takes the state folder's disk away at each operation, also
// between two calls of ours, where the journal works in the background: the run
// halts and says why, and the same call goes on from what a crash leaves.
func TestStateDiskDies(t *testing.T) {
	rng := newRand(20)
	for n := int64(1); ; n++ {
		for _, percent := range []int{0, 50, 100} {
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
				t.Logf("figure: the state folder's disk died at each of %d operations, with 0, 50 and 100 %% kept", n-1)
				if err != nil || n < 50 {
					t.Errorf("%d operations, %v", n, err)
				}
				return
			}
			if err != nil && !target.HasCode(err, target.CodeJournalLost) {
				t.Fatalf("operation %d: %v", n, err)
			}
			if res := mustRun(t, s, f, testOptions(nil, disk.CrashClone(rng, percent))); !res.Complete {
				t.Fatalf("operation %d: then %+v", n, res)
			}
			f.check(t, s, "in/")
		}
	}
}
