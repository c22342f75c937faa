package importer

import (
	"context"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// halting is a run whose gate is looked at from inside, and its clock.
func halting(t *testing.T) (*run, context.Context, *time.Time) {
	t.Helper()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	o := patient(nil, memDisk())
	o.HaltWait, o.Now = time.Hour, func() time.Time { return now }
	r, ctx, err := newRun(t.Context(), mixed(), newFake(t), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.cancel)
	return r, ctx, &now
}

// mustBe says what an operator is told of the gate.
func mustBe(t *testing.T, r *run, code target.Code, since time.Time) {
	t.Helper()
	switch state, halt := r.calls.Gate.State(); {
	case code == "" && state != request.StateRunning:
		t.Errorf("%s by %+v, want running", state, halt)
	case code != "" && (halt == nil || halt.Code != code || !halt.Since.Equal(since)):
		t.Errorf("%s by %+v, want a halt by %s since %s", state, halt, code, since)
	}
}

// TestJournalEndsItsOwnHalt: room on the state folder's disk ends the wait for room, and
// no other: whoever waits for the target is still waited for.
func TestJournalEndsItsOwnHalt(t *testing.T) {
	r, ctx, now := halting(t)
	full := func() func() error {
		n := 0
		return func() error {
			if n++; n == 1 {
				return target.NewError(target.CodeJournalFull, "", "", nil)
			}
			return nil
		}
	}
	begun := *now
	r.stop(target.NewError(target.CodeTargetAbsent, "", "", nil))
	*now = now.Add(time.Minute)
	if err := r.keep(ctx, full()); err != nil {
		t.Fatal(err)
	}
	mustBe(t, r, target.CodeTargetAbsent, begun)
	r.calls.Gate.Open()
	if err := r.keep(ctx, full()); err != nil {
		t.Fatal(err)
	}
	mustBe(t, r, "", begun)
}

// TestScoutHaltsAgain: what a scout took for the end of its halt was not. The run waits
// on, says so, and for as long as it was to wait from the beginning; another worker that
// fails meanwhile is not a second scout.
func TestScoutHaltsAgain(t *testing.T) {
	r, ctx, now := halting(t)
	begun := *now
	absent, full := target.NewError(target.CodeTargetAbsent, "", "", nil), target.NewError(target.CodeTargetFull, "", "", nil)
	scout, again := r.after(ctx, ctx, time.Now(), absent)
	if !again {
		t.Fatal("it does not wait")
	}
	mustBe(t, r, target.CodeTargetAbsent, begun)
	r.calls.Told(scout, request.Call{Name: request.ListParts}, request.Attempt{}) // a read: the target is there
	mustBe(t, r, "", begun)
	*now = now.Add(30 * time.Minute)
	if scout, again = r.after(ctx, scout, time.Now(), full); !again {
		t.Fatal("it does not wait for room")
	}
	mustBe(t, r, target.CodeTargetFull, begun)
	if !request.IsScout(scout) || r.stop(full) != 0 {
		t.Error("there are two scouts, or none")
	}
	*now = now.Add(31 * time.Minute)
	if _, again = r.after(ctx, scout, time.Now(), full); again {
		t.Error("it waits longer than it may")
	}
}

// TestHaltAfterProgress: a run that stored something after a halt waits the whole time
// at the next one, also where the same object meets both.
func TestHaltAfterProgress(t *testing.T) {
	r, ctx, now := halting(t)
	absent := target.NewError(target.CodeTargetAbsent, "", "", nil)
	scout, again := r.after(ctx, ctx, time.Now(), absent)
	if !again {
		t.Fatal("it does not wait")
	}
	for range 2 { // the first part ends the halt, the second goes on
		r.calls.Told(scout, request.Call{Name: request.UploadPart, Payload: 1}, request.Attempt{})
	}
	mustBe(t, r, "", *now)
	*now = now.Add(2 * time.Hour)
	later := *now
	if _, again = r.after(ctx, scout, time.Now(), absent); !again {
		t.Fatal("two hours of work are taken for waiting")
	}
	mustBe(t, r, target.CodeTargetAbsent, later)
}

// TestScoutOfEarlierHalt: a worker that got through is none of the halt that another one
// began since: it waits with all others, and what gets through of it mends nothing.
func TestScoutOfEarlierHalt(t *testing.T) {
	r, ctx, now := halting(t)
	scout, _ := r.after(ctx, ctx, time.Now(), target.NewError(target.CodeTargetAbsent, "", "", nil))
	r.calls.Told(scout, request.Call{Name: request.ListParts}, request.Attempt{})
	if r.stop(target.NewError(target.CodeTargetFull, "", "", nil)) == 0 {
		t.Fatal("no halt")
	}
	r.calls.Told(scout, request.Call{Name: request.UploadPart, Payload: 1}, request.Attempt{})
	mustBe(t, r, target.CodeTargetFull, *now)
	stopped, stop := context.WithCancel(scout)
	stop()
	if r.calls.Gate.Pass(stopped, nil) == nil {
		t.Error("it passes a gate that another's halt has shut")
	}
	r.goOn(request.ScoutOf(scout))
	mustBe(t, r, target.CodeTargetFull, *now)
}
