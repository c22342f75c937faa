package importer

import (
	"context"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// TestTurnAsksNothing: a start that is paused, or outside of its hours, asks the target for
// nothing, the bucket's retention and a commit marker included, and its status says that it waits.
func TestTurnAsksNothing(t *testing.T) {
	for _, paused := range []bool{true, false} {
		b := &eagerly{retaining: newRetaining(t, target.Retention{})}
		s := newSource()
		s.file("a", []byte("hello"))
		o, clock := closing(t, testOptions(t, memDisk()))
		o.StatusEvery = time.Millisecond
		o.Committed = func(context.Context, *CommitStore) (bool, error) { b.asked++; return false, nil }
		want := request.StateAsleep
		if clock.day.Store(!paused); paused {
			want = request.StatePaused
			if err := status.WriteControl(o.StateDir, "", status.Control{Want: status.WantPause, At: o.Now()}); err != nil {
				t.Fatal(err)
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { _, err := Run(ctx, s, b, o); ended <- err }()
		until(t, string(want), func() bool {
			s, ok := (&run{opts: o}).folder().Last()
			return ok && s.State == want
		})
		stop()
		if err := <-ended; err == nil || b.asked > 0 || b.calls > 0 {
			t.Errorf("%s: asked %d times, %d calls: %v", want, b.asked, b.calls, err)
		}
		if s := statusTold(t, o); s.State != request.StateStopped {
			t.Errorf("in the end %q", s.State)
		}
	}
}

// eagerly is a bucket that counts how often its default retention is asked for.
type eagerly struct {
	*retaining
	asked int
}

func (a *eagerly) DefaultRetention(context.Context) (target.Retention, error) {
	a.asked++
	return target.Retention{}, nil
}

// TestTakenOverInTurn: a start that is taken over while it waits for its turn says so, and leaves
// the status to the other process. One that finds the run canceled does not wait.
func TestTakenOverInTurn(t *testing.T) {
	folder := t.TempDir()
	first, err := OpenState(folder)
	if err != nil {
		t.Fatal(err)
	}
	s := newSource()
	s.file("a", []byte("hello"))
	o, clock := closing(t, testOptions(t, first))
	o.StatusEvery = time.Millisecond
	clock.day.Store(true)
	ended := make(chan error, 1)
	go func() {
		res, err := Run(context.Background(), s, newFake(t), o)
		if res != nil {
			t.Errorf("%+v", res)
		}
		first.Close()
		ended <- err
	}()
	until(t, "waits", func() bool { _, ok := (&run{opts: o}).folder().Last(); return ok })
	second, err := TakeOver(t.Context(), folder, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := <-ended; !target.HasCode(err, target.CodeTakenOver) {
		t.Errorf("taken over while it waited: %v", err)
	}
	o.StateDir = second
	if s := statusTold(t, o); s.State != request.StateAsleep {
		t.Errorf("told %q of another process's run", s.State)
	}
	r := &run{opts: o}
	if err := r.markCanceled(lease.This()); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), s, newFake(t), o); !target.HasCode(err, target.CodeCanceled) {
		t.Errorf("canceled: %v", err)
	}
}
