package importer

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// TestWaitsAnHour: a target is gone for an hour of the run's clock. A run that may
// wait longer goes on by itself; one that may not ends when its time is over, and its
// next start completes.
func TestWaitsAnHour(t *testing.T) {
	for _, wait := range []time.Duration{24 * time.Hour, 20 * time.Minute} {
		t.Run(wait.String(), func(t *testing.T) {
			s, f, disk := mixed(), newFake(t), memDisk()
			o := patient(t, disk)
			o.HaltWait, o.Retries = wait, 1
			begun := time.Now()
			var later atomic.Int64
			o.Now = func() time.Time { return begun.Add(time.Duration(later.Load())) }
			gone := false
			f.hook = func(n int, call, key string) (bool, error) {
				gone = gone || call == "put" && key == "in/dir/d"
				if !gone || later.Load() >= int64(time.Hour) {
					return true, nil
				}
				later.Add(int64(30 * time.Second)) // a look
				return false, target.NewError(target.CodeTargetAbsent, "", "connection refused", nil)
			}
			res, err := Run(context.Background(), s, f, o)
			if wait < time.Hour {
				if !target.HasCode(err, target.CodeTargetAbsent) || res.ExitClass() != ExitFixable || o.Now().Sub(begun) < wait || o.Now().Sub(begun) > 2*wait {
					t.Fatalf("after %v: %v, %+v", o.Now().Sub(begun), err, res)
				}
				later.Store(int64(time.Hour))
				res = mustRun(t, s, f, o)
			}
			if !res.Complete || o.Now().Sub(begun) < time.Hour {
				t.Errorf("after %v: %v, %+v", o.Now().Sub(begun), err, res)
			}
			f.check(t, s, "in/")
		})
	}
}
