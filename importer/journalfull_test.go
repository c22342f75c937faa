package importer

import (
	"context"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestStateDiskFills has the state folder's disk take no more at some write: a run that
// would wait a minute for its operator ends at once, because its journal cannot be
// written on; it says what to do; what is in the store is right, no upload is left; and
// with room the same call goes on.
func TestStateDiskFills(t *testing.T) { synctest.Test(t, stateDiskFills) }

func stateDiskFills(t *testing.T) {
	halts := 0
	for n := 1; ; n++ {
		s, f := mixed(), newFake(t)
		fault := vfs.NewFault(memDisk())
		fired := fault.Add(vfs.Rule{Op: vfs.OpWrite, Nth: n, Times: 1 << 30, Err: syscall.ENOSPC})
		o := patient(nil, fault)
		began := time.Now()
		res, err := Run(context.Background(), s, f, o)
		if fired() == 0 {
			if err != nil || n < 15 {
				t.Errorf("%d writes, %v", n, err)
			}
			t.Logf("figure: the state folder's disk was full from each of %d writes on, %d of them in mid-import", n-1, halts)
			return
		}
		if !target.HasCode(err, target.CodeJournalFull) || target.AsError(err).Remedy == "" {
			t.Fatalf("write %d: %v", n, err)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Fatalf("write %d: it waited %v for a journal that is not written again", n, took)
		}
		if res != nil && res.Halt != nil {
			halts++
		}
		want := s.objects("in/")
		for key, o := range f.objects {
			if ours(key) && string(want[key]) != string(o.data) {
				t.Errorf("write %d: %q is wrong or should not be there", n, key)
			}
		}
		for id, u := range f.uploads {
			if len(u.parts) == 0 {
				t.Errorf("write %d: upload %s of %q is left, and no journal knows it", n, id, u.key)
			}
		}
		if again, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeJournalFull) {
			t.Fatalf("write %d: a start on a full disk: %v, %+v", n, err, again)
		}
		fault.Clear()
		if res := mustRun(t, s, f, o); !res.Complete || res.LeftUploads > 0 {
			t.Fatalf("write %d: then %+v", n, res)
		}
		f.check(t, s, "in/")
	}
}
