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

// TestEndedSteered: a start of a run that has ended says so when the target does not answer it,
// and why; a pause and a stop reach it. A stop ends it soon, also where a request hangs, with
// what is durable; the status is then what it was.
func TestEndedSteered(t *testing.T) {
	for _, hangs := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, f, disk := manyFiles(40), newFake(t), memDisk()
			o := testOptions(nil, disk)
			o.HaltWait, o.Backoff, o.Retries, o.StatusEvery = 5*time.Minute, 10*time.Millisecond, 2, time.Second
			first := mustRun(t, s, f, o)
			was := statusTold(t, o)
			store := &slowAway{fakeTarget: f, hangs: hangs}
			f.hook = (&away{code: target.CodeServerError, lasts: 1 << 60, from: nth(5)}).hook
			var res *Result
			ended := make(chan error)
			go func() {
				var err error
				res, err = Run(t.Context(), s, store, o)
				ended <- err
			}()
			time.Sleep(time.Minute)
			is := statusTold(t, o)
			if want := map[bool]request.State{false: request.StateHalted, true: request.StateRunning}[hangs]; is.State != want || is.Waits != endedLook || is.Progress.Entries != was.Progress.Entries {
				t.Errorf("hangs %v: %q %q, %+v", hangs, is.State, is.Waits, is.Progress)
			}
			if !hangs && (is.Halt == nil || is.Halt.Code != target.CodeServerError) {
				t.Errorf("halted by %+v", is.Halt)
			}
			ask := func(w status.Want) {
				if err := status.WriteControl(disk, "", status.Control{Want: w, At: o.Now()}); err != nil {
					t.Error(err)
				}
			}
			ask(status.WantPause)
			time.Sleep(2 * time.Second)
			if is = statusTold(t, o); hangs && is.State != request.StatePaused {
				t.Errorf("paused: %q", is.State)
			}
			began := time.Now()
			ask(status.WantStop)
			err := <-ended
			if took := time.Since(began); !errors.Is(err, context.Canceled) || took > 5*time.Second {
				t.Errorf("hangs %v: %v after %v", hangs, err, took)
			}
			if res.ExitClass() != ExitInterrupted || res.Receipts != first.Receipts || res.Tally.Entries() != first.Tally.Entries() {
				t.Errorf("hangs %v: %+v", hangs, res)
			}
			if is = statusTold(t, o); is.State != request.StateDone || is.Waits != "" || is.Halt != nil || !is.Updated.Equal(was.Updated) {
				t.Errorf("hangs %v: in the end %+v", hangs, is)
			}
		})
	}
}

// slowAway answers nothing to HEAD until the call is given up.
type slowAway struct {
	*fakeTarget
	hangs bool
}

func (s *slowAway) Head(ctx context.Context, key string) (target.Object, error) {
	if s.hangs {
		<-ctx.Done()
		return target.Object{}, ctx.Err()
	}
	return s.fakeTarget.Head(ctx, key)
}

// TestEndedOutageOver: an outage that is over leaves the status of the run as it was, and so does
// one that lasts too long: neither says anything about what the run has come to.
func TestEndedOutageOver(t *testing.T) {
	for _, lasts := range []time.Duration{time.Minute, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s, f := manyFiles(40), newFake(t)
			o := testOptions(nil, memDisk())
			o.HaltWait, o.Backoff, o.Retries, o.StatusEvery = 5*time.Minute, 10*time.Millisecond, 2, time.Second
			mustRun(t, s, f, o)
			was := statusTold(t, o)
			f.hook = (&away{code: target.CodeServerError, lasts: lasts, from: nth(5)}).hook
			res, err := Run(t.Context(), s, f, o)
			if over := lasts < o.HaltWait; over != (err == nil) || over != res.Complete {
				t.Errorf("%v: %v, %+v", lasts, err, res)
			}
			if is := statusTold(t, o); is.State != request.StateDone || is.Halt != nil || !is.Updated.Equal(was.Updated) {
				t.Errorf("%v: %+v", lasts, is)
			}
		})
	}
}
