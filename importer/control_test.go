package importer

import (
	"context"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// TestControlByContent: an operator's clock may be hours away from the run's. A word counts
// if it is another one than before; a stop of before the start is no word for it.
func TestControlByContent(t *testing.T) {
	now := time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC)
	disk := memDisk()
	o := testOptions(t, disk)
	o.StatusEvery, o.Now = time.Second, func() time.Time { return now }
	ask := func(w status.Want, at time.Duration) {
		t.Helper()
		if err := status.WriteControl(disk, "", status.Control{Want: w, At: now.Add(at)}); err != nil {
			t.Fatal(err)
		}
	}
	ask(status.WantStop, 3*time.Hour) // for an earlier start, by a clock that is ahead
	r, ctx, err := newRun(context.Background(), mixed(), newFake(t), o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.cancel()
	says := func(when string, paused, stopped bool) {
		t.Helper()
		r.hear(r.teller)
		state, _ := r.calls.Gate.State()
		if (state == request.StatePaused) != paused || (ctx.Err() != nil) != stopped {
			t.Errorf("%s: the run is %s, stopped %v", when, state, ctx.Err() != nil)
		}
	}
	says("after a stop of before", false, false)
	ask(status.WantPause, -2*time.Hour)
	says("paused by a clock behind", true, false)
	ask(status.WantRun, -5*time.Hour)
	says("resumed by one further behind", false, false)
	ask(status.WantPause, time.Hour)
	says("paused by one ahead", true, false)
	r.calls.Gate.Pause(false)
	says("asked nothing new", false, false)
	ask(status.WantStop, -time.Hour)
	says("stopped by a clock behind", false, true)
}

// TestStopBeforeTheFirstLook: a stop that is asked for after the start, and before the run
// looks for words, is meant for it.
func TestStopBeforeTheFirstLook(t *testing.T) {
	now := time.Date(2026, 3, 5, 9, 0, 0, 0, time.UTC)
	disk := memDisk()
	o := testOptions(t, disk)
	o.StatusEvery, o.Now = time.Second, func() time.Time { return now }
	r, ctx, err := newRun(context.Background(), mixed(), newFake(t), o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.cancel()
	if err := status.WriteControl(disk, "", status.Control{Want: status.WantStop, At: now.Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if r.hear(r.teller); ctx.Err() == nil {
		t.Error("the run goes on")
	}
}
