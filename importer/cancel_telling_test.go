package importer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// slowDeletes are those of a store that takes a minute for each.
type slowDeletes struct{ deleting }

func (s slowDeletes) Delete(ctx context.Context, key, version string) error {
	time.Sleep(time.Minute)
	return s.deleting.Delete(ctx, key, version)
}

// TestCancelTells: while a cancel is at work the status has what it has done so far, every second;
// at its end it says that it has ended. Problems of before are counted once.
func TestCancelTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, disk := mixed(), newFake(t), memDisk()
		o := testOptions(t, disk)
		o.StatusEvery, o.Concurrency, o.Lanes = time.Second, 1, 1
		mustRun(t, s, f, o)
		folder := status.Folder{Disk: disk, Run: o.RunID}
		was, _ := folder.Last()
		was.Problems = map[target.Code]uint64{target.CodeThrottled: 3}
		if err := folder.Write(was); err != nil {
			t.Fatal(err)
		}
		told := make(chan *Canceled, 1)
		go func() {
			out, err := Cancel(t.Context(), s, slowDeletes{deleting{f}}, o, true)
			if err != nil {
				t.Error(err)
			}
			told <- out
		}()
		most := uint64(0)
		for range 600 {
			time.Sleep(time.Second)
			now, ok := folder.Last()
			if !ok || now.State != request.StateCanceled || now.Cancel == nil || now.Cancel.Ended {
				continue
			}
			if now.Cancel.Deleted < most || time.Since(now.Updated) > 2*time.Second || now.Problems[target.CodeThrottled] != 3 || !now.Cancel.Deletes {
				t.Fatalf("%d deleted before: %+v of %v", most, now.Cancel, now.Updated)
			}
			most = now.Cancel.Deleted
		}
		out := <-told
		if last, _ := folder.Last(); last.Cancel == nil || !last.Cancel.Ended || last.Cancel.Deleted != out.Deleted || out.Deleted == 0 || most < out.Deleted-1 {
			t.Errorf("%d were told at most, %+v in the end; %+v", most, last.Cancel, out)
		}
	})
}
