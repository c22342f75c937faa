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

// TestSteeredWhereverItWaits: a run that waits, for whatever it is, tells every second that it is
// at work, and within two that it has heard its operator, and whether his pause holds.
func TestSteeredWhereverItWaits(t *testing.T) {
	for name, c := range map[string]struct {
		state request.State
		waits string
		begin func(t *testing.T) (Options, func(context.Context))
	}{
		"halted":                  {request.StateHalted, "", beginHalted},
		"hours":                   {request.StateAsleep, "", beginOutOfHours},
		"commit marker":           {request.StateRunning, markerTurn, beginMarker},
		"clean-up together":       {request.StateRunning, cleanUpTurn, beginCleanUpTogether},
		"clean-up in its own run": {request.StateRunning, cleanUpTurn, beginCleanUp},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancel(t.Context())
				o, waiting := c.begin(t)
				ended := make(chan struct{})
				go func() { waiting(ctx); close(ended) }()
				defer func() { stop(); <-ended }()
				for range 4 {
					time.Sleep(5 * time.Second)
					s := statusTold(t, o)
					if s.State != c.state || s.Waits != c.waits || s.Paused || o.Now().Sub(s.Updated) > 2*time.Second {
						t.Fatalf("%q %q, paused %v, told %v ago", s.State, s.Waits, s.Paused, o.Now().Sub(s.Updated))
					}
				}
				for _, want := range []status.Want{status.WantRun, status.WantPause, status.WantPause, status.WantRun} {
					asked := o.Now().UTC()
					askFor(t, o.StateDir, want, asked)
					time.Sleep(2 * time.Second)
					if s := statusTold(t, o); s.Paused != (want == status.WantPause) || !s.Heard.Equal(asked) || s.Waits != c.waits {
						t.Errorf("asked to %s: %q %q, paused %v, heard %v of %v", want, s.State, s.Waits, s.Paused, s.Heard, asked)
					}
				}
			})
		})
	}
}

func beginHalted(t *testing.T) (Options, func(context.Context)) {
	f, o := newFake(t), testOptions(nil, memDisk())
	o.HaltWait, o.Backoff, o.Retries, o.StatusEvery = time.Hour, 10*time.Millisecond, 2, time.Second
	f.hook = (&away{code: target.CodeServerError, lasts: 1 << 60, from: nth(30)}).hook
	return o, func(ctx context.Context) { Run(ctx, manyFiles(40), f, o) }
}

func beginOutOfHours(t *testing.T) (Options, func(context.Context)) {
	o := testOptions(nil, memDisk())
	o.StatusEvery, o.Now = time.Second, time.Now
	o.Hours = request.Hours{{From: 12 * 60, To: 13 * 60}} // the clock of the test begins at midnight
	return o, func(ctx context.Context) { Run(ctx, manyFiles(4), newFake(t), o) }
}

func beginMarker(t *testing.T) (Options, func(context.Context)) {
	s, o := newSource(), testOptions(nil, memDisk())
	s.file("a", []byte("hello"))
	o.Backoff, o.StatusEvery, o.Marker = time.Second, time.Second, testMarker
	res := mustRun(t, s, &silentAt{marking: &marking{fakeTarget: newFake(t)}, hangs: true}, o)
	return o, func(ctx context.Context) { commit(ctx, res) }
}

func beginCleanUpTogether(t *testing.T) (Options, func(context.Context)) {
	b := keeping(t)
	s, o, _ := retainedDevice(b, 1)
	res := mustRun(t, s, b, o)
	return o, func(ctx context.Context) { res.CleanUp(ctx) }
}

func beginCleanUp(t *testing.T) (Options, func(context.Context)) {
	b := keeping(t)
	s, o, _ := retainedDevice(b, 1)
	o.CleanUpLater = false
	return o, func(ctx context.Context) { Run(ctx, s, b, o) }
}
