package importer

import (
	"sync"
	"testing"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// TestScoutIsToldAnew: the worker that tried again during a halt, and got through, is a
// worker like all others: what stops it next is told anew.
func TestScoutIsToldAnew(t *testing.T) {
	s, f := newSource(), newFake(t)
	s.file("big", pattern(1, 40<<20))
	o := patient(t, memDisk())
	o.Retries = 1
	var said []target.Code
	var mu sync.Mutex
	o.Problem = func(e *target.Error) {
		mu.Lock()
		defer mu.Unlock()
		said = append(said, e.Code)
	}
	through, refused := 0, 0
	f.hook = func(_ int, call, key string) (bool, error) {
		if call != "part" || key != "in/big" {
			return true, nil
		}
		mu.Lock()
		defer mu.Unlock()
		if len(said) == 0 {
			return false, target.NewError(target.CodeTargetFull, "", "", nil)
		}
		if through++; through > 1 && refused < 8 {
			refused++
			return false, target.NewError(target.CodeCredentialsExpired, "", "", nil)
		}
		return true, nil
	}
	if res := mustRun(t, s, f, o); !res.Complete || len(said) < 2 || said[0] != target.CodeTargetFull || said[1] != target.CodeCredentialsExpired {
		t.Errorf("said %v: %+v", said, res)
	}
	f.check(t, s, "in/")
}

// TestRoomEndsNoOtherHalt: a journal that has room again does not open a gate that is
// shut for another reason.
func TestRoomEndsNoOtherHalt(t *testing.T) {
	for _, shut := range []bool{false, true} {
		r, ctx, err := newRun(t.Context(), mixed(), newFake(t), patient(t, memDisk()))
		if err != nil {
			t.Fatal(err)
		}
		if shut {
			r.stop(target.NewError(target.CodeCredentialsExpired, "", "", nil))
		}
		full := 0
		err = r.keep(ctx, func() error {
			if full++; full < 3 {
				return target.NewError(target.CodeJournalFull, "", "", nil)
			}
			return nil
		})
		if state, _ := r.calls.Gate.State(); err != nil || full != 3 || (state == request.StateHalted) != shut {
			t.Errorf("shut before %v: %s after %d tries, %v", shut, state, full, err)
		}
		r.cancel()
	}
}
