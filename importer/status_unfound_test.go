package importer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestChangedHolds: that a completed run's objects were not found holds through starts that find
// nothing out: one that waits for its hours, is paused, meets an outage, is stopped at its look,
// or killed there. Each says meanwhile what it does, and that with it.
func TestChangedHolds(t *testing.T) {
	for name, c := range map[string]struct {
		hours, paused, hangs, killed bool
		meanwhile                    request.State
	}{
		"hours":       {hours: true, meanwhile: request.StateAsleep},
		"paused":      {paused: true, meanwhile: request.StatePaused},
		"a look":      {hangs: true, meanwhile: request.StateRunning},
		"an outage":   {meanwhile: request.StateHalted},
		"killed":      {hangs: true, killed: true, meanwhile: request.StateRunning},
		"killed, out": {killed: true, meanwhile: request.StateHalted},
		"after hours": {hours: true, killed: true, meanwhile: request.StateAsleep},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, f, disk := manyFiles(40), newFake(t), memDisk()
				o := testOptions(nil, disk)
				o.HaltWait, o.Backoff, o.Retries, o.StatusEvery = time.Hour, 10*time.Millisecond, 2, time.Second
				mustRun(t, s, f, o)
				object := f.objects["in/f00000"]
				delete(f.objects, "in/f00000")
				if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeTargetChanged) {
					t.Fatalf("one of its objects is gone: %v", err)
				}
				first := statusTold(t, o)
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan error)
				waiting, store := o, &slowAway{fakeTarget: f, hangs: c.hangs}
				switch {
				case c.hours:
					waiting.Hours = request.Hours{{From: 12 * 60, To: 13 * 60}} // the clock of the test begins at midnight
				case c.paused:
					askFor(t, disk, status.WantPause, o.Now())
				case !c.hangs:
					f.hook = (&away{code: target.CodeServerError, lasts: 1 << 60, from: nth(5)}).hook
				}
				go func() { _, err := Run(ctx, s, store, waiting); ended <- err }()
				time.Sleep(time.Minute)
				is := statusTold(t, o)
				if is.State != c.meanwhile || is.Changed == nil || *is.Changed != *first.Changed || is.Ended {
					t.Errorf("meanwhile %q, changed %+v, ended %v", is.State, is.Changed, is.Ended)
				}
				if stop(); <-ended == nil {
					t.Error("stopped, and no error")
				}
				if c.killed {
					(&teller{run: &run{opts: o}}).write(is) // its last word
					ctx, stop = context.WithTimeout(t.Context(), time.Minute)
					defer stop()
					if _, err := Run(ctx, s, &slowAway{fakeTarget: f, hangs: true}, o); err == nil {
						t.Error("the next start has found something")
					}
				}
				is = statusTold(t, o)
				if is.State != request.StateHalted || is.Halt == nil || *is.Halt != *first.Halt || is.Waits != "" || !is.Ended || !is.Progress.Opens.IsZero() {
					t.Errorf("in the end %q %q, %+v, ended %v", is.State, is.Waits, is.Halt, is.Ended)
				}
				askFor(t, disk, status.WantRun, o.Now())
				f.hook, f.objects["in/f00000"] = nil, object
				mustRun(t, s, f, o)
				if is = statusTold(t, o); is.State != request.StateDone || is.Halt != nil || is.Changed != nil || is.Ended {
					t.Errorf("there again: %q, %+v", is.State, is)
				}
			})
		})
	}
}

// TestChangedOfUnended: so does that of a run which had not ended: an earlier attempt's receipts
// are there, too. A look that found the objects ends it, whatever comes after.
func TestChangedOfUnended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, disk := manyFiles(40), newFake(t), memDisk()
		o := testOptions(nil, disk)
		o.StatusEvery = time.Second
		stopAfter(t, s, f, o, 10)
		away := map[string]fakeObject{}
		for key, object := range f.objects {
			away[key] = object
			delete(f.objects, key)
		}
		if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeTargetChanged) {
			t.Fatalf("its objects are gone: %v", err)
		}
		if is := statusTold(t, o); is.State != request.StateHalted || !is.Ended || is.Changed == nil {
			t.Errorf("%q, ended %v, %+v", is.State, is.Ended, is.Changed)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if _, err := Run(ctx, s, &slowAway{fakeTarget: f, hangs: true}, o); err == nil {
			t.Error("stopped at its look, and no error")
		}
		if is := statusTold(t, o); is.State != request.StateStopped || is.Changed == nil {
			t.Errorf("%q, %+v", is.State, is.Changed)
		}
		for key, object := range away {
			f.objects[key] = object
		}
		mustRun(t, s, f, o)
		if is := statusTold(t, o); is.State != request.StateDone || is.Changed != nil || is.Ended {
			t.Errorf("found: %q, %+v", is.State, is.Changed)
		}
	})
}

func askFor(t *testing.T, disk vfs.FS, w status.Want, at time.Time) {
	t.Helper()
	if err := status.WriteControl(disk, "", status.Control{Want: w, At: at}); err != nil {
		t.Error(err)
	}
}

// TestChangedOfOlder: the status of an older process, which says it by its halt alone, is
// believed, too.
func TestChangedOfOlder(t *testing.T) {
	o := testOptions(t, memDisk())
	o.StatusEvery = time.Millisecond
	r := &run{opts: o}
	halt := &request.Halt{Code: target.CodeTargetChanged, Cause: "1 was not there"}
	(&teller{run: r}).write(status.Status{Run: o.RunID, State: request.StateHalted, Halt: halt})
	if s, _ := r.folder().Last(); s.Changed == nil || *s.Changed != *halt {
		t.Errorf("%+v", s.Changed)
	}
	(&teller{run: r}).write(status.Status{Run: o.RunID, State: request.StateHalted, Halt: &request.Halt{Code: target.CodeServerError}})
	if s, _ := r.folder().Last(); s.Changed != nil {
		t.Errorf("another halt: %+v", s.Changed)
	}
}
