package importer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// TestCommitToStoreAway: while the write of a commit marker has no answer, or is tried again, the
// status says so and a pause reaches it. A stop ends it soon, and says what is not known.
func TestCommitToStoreAway(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, m, disk := newSource(), &marking{fakeTarget: newFake(t)}, memDisk()
			s.file("a", []byte("hello"))
			o := testOptions(nil, disk)
			o.Backoff, o.StatusEvery, o.Marker = time.Second, time.Second, testMarker
			store := &silentAt{marking: m, hangs: hangs}
			res := mustRun(t, s, store, o)
			ended := make(chan error)
			go func() { ended <- commit(t.Context(), res) }()
			is := func() status.Status { time.Sleep(3 * time.Second); return statusTold(t, o) }
			if s := is(); s.State != request.StateRunning || s.Waits != markerTurn || s.Progress.Entries != 1 {
				t.Errorf("hangs %v: %q %q", hangs, s.State, s.Waits)
			}
			for _, asked := range []struct {
				want  status.Want
				state request.State
			}{{status.WantPause, request.StatePaused}, {status.WantRun, request.StateRunning}} {
				if err := status.WriteControl(disk, "", status.Control{Want: asked.want, At: o.Now()}); err != nil {
					t.Fatal(err)
				}
				if s := is(); s.State != asked.state || s.Waits != markerTurn {
					t.Errorf("hangs %v, asked to %s: %q %q", hangs, asked.want, s.State, s.Waits)
				}
			}
			if err := status.WriteControl(disk, "", status.Control{Want: status.WantStop, At: o.Now()}); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			err := <-ended
			if took := time.Since(began); !errors.Is(err, context.Canceled) || took > 5*time.Second {
				t.Errorf("hangs %v: %v after %v", hangs, err, took)
			}
			if s := statusTold(t, o); s.State != request.StateStopped || s.Waits != "" {
				t.Errorf("hangs %v: in the end %q %q", hangs, s.State, s.Waits)
			}
		})
	}
}

// silentAt is a store that fails each write of the commit marker, or answers none.
type silentAt struct {
	*marking
	hangs bool
}

func (s *silentAt) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	if in.Key != "in/"+testMarker {
		return s.marking.Put(ctx, in)
	}
	if s.hangs {
		<-ctx.Done()
		return target.Stored{}, target.Unknown(target.NewError(target.CodeConnectionLost, in.Key, "no answer", ctx.Err()))
	}
	return target.Stored{}, target.NewError(target.CodeServerError, in.Key, "status 500", nil)
}
