package importer

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// marking is a store that sees its run's commit marker.
type marking struct {
	*fakeTarget
	written int
	before  func() // at the first look whether it is there
	during  func() // once it is being written
}

const testMarker = "_COMMIT"

func (m *marking) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	if before := m.before; key == "in/"+testMarker && before != nil {
		m.before = nil
		before()
	}
	return m.fakeTarget.Get(ctx, key, version)
}

func (m *marking) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	if in.Key == "in/"+testMarker {
		m.written++
		if m.during != nil {
			m.during()
		}
	}
	return m.fakeTarget.Put(ctx, in)
}

// commit writes a marker.
func commit(ctx context.Context, res *Result) error {
	_, err := res.Commit(ctx, []byte("committed"), target.Attributes{})
	return err
}

// committing is a run that has ended in a folder, whose marker waits for the night.
func committing(t *testing.T, change func(*Options)) (s *fakeSource, m *marking, o Options, res *Result, clock *office) {
	t.Helper()
	first, err := OpenState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.Close() })
	s, m = newSource(), &marking{fakeTarget: newFake(t)}
	s.file("a", []byte("hello"))
	o, clock = closing(t, testOptions(t, first))
	o.StatusEvery, o.Marker = time.Millisecond, testMarker
	if change != nil {
		change(&o)
	}
	return s, m, o, mustRun(t, s, m, o), clock
}

// cancelFrom gives the run up by another process, which deletes its objects.
func cancelFrom(t *testing.T, s entry.Source, f *fakeTarget, o Options) {
	t.Helper()
	second, err := TakeOver(context.Background(), o.StateDir.(*Folder).Path(), time.Millisecond)
	if err != nil {
		t.Error(err)
		return
	}
	defer second.Close()
	o.StateDir, o.Hours, o.TakeOver = second, nil, time.Nanosecond
	if _, err := Cancel(context.Background(), s, deleting{f}, o, true); err != nil || f.ours() > 0 {
		t.Errorf("%d objects left: %v", f.ours(), err)
	}
}

// TestCommitAfterCancel: no commit marker is written of a run that another process has canceled
// since it was signed: while the marker waited, or in the moment before it is written.
func TestCommitAfterCancel(t *testing.T) {
	for _, inTarget := range []bool{false, true} {
		for _, waits := range []bool{true, false} {
			soon(t, time.Hour)
			s, m, o, res, clock := committing(t, func(o *Options) { o.JournalInTarget = inTarget })
			canceled := make(chan struct{})
			t.Cleanup(func() { <-canceled }) // the folder stays until then
			cancel := func() { defer close(canceled); cancelFrom(t, s, m.fakeTarget, o) }
			if waits {
				clock.day.Store(true)
				time.AfterFunc(5*time.Millisecond, func() { cancel(); clock.day.Store(false) })
			} else {
				m.before = cancel
			}
			if err := commit(t.Context(), res); !target.HasCode(err, target.CodeTakenOver) || m.written > 0 {
				t.Errorf("journal in the target %v, waits %v: %d markers written: %v", inTarget, waits, m.written, err)
			}
		}
	}
}

// TestCommitAfterCancelElsewhere: with a journal in the target the same holds for a cancel on
// another host, which does not have the state folder; also in a later start of a run that asks
// the target for nothing else.
func TestCommitAfterCancelElsewhere(t *testing.T) {
	for _, later := range []bool{false, true} {
		soon(t, time.Hour)
		s, m, o, res, _ := committing(t, func(o *Options) { o.JournalInTarget = true })
		if later {
			res = mustRun(t, s, m, o)
		}
		m.before = func() {
			host := taking(memDisk())
			if _, err := Cancel(context.Background(), s, deleting{m.fakeTarget}, host, false); err != nil {
				t.Error(err)
			}
		}
		if err := commit(t.Context(), res); !target.HasCode(err, target.CodeTakenOver) || m.written > 0 {
			t.Errorf("later %v: %d markers written: %v", later, m.written, err)
		}
	}
	_, m, _, res, _ := committing(t, func(o *Options) { o.JournalInTarget = true })
	if err := commit(t.Context(), res); err != nil || m.written != 1 {
		t.Errorf("%d markers written: %v", m.written, err)
	}
}

// TestCommitDuringCancel: who canceled the run during the write may not have found the marker.
func TestCommitDuringCancel(t *testing.T) {
	s, m, o, res, _ := committing(t, nil)
	m.during = func() { cancelFrom(t, s, m.fakeTarget, o) }
	if err := commit(t.Context(), res); !target.HasCode(err, target.CodeTakenOver) {
		t.Errorf("committed, and canceled: %v", err)
	}
}

// statusTold reads what the status tells.
func statusTold(t *testing.T, o Options) status.Status {
	t.Helper()
	s, ok := (&run{opts: o}).folder().Last()
	if !ok {
		t.Error("no status")
	}
	return s
}

// until waits for what another goroutine does.
func until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 5000 {
		if done() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatalf("%s: not in five seconds", what)
}

// TestCommitSteered: while a commit marker waits the status says so; the wait hears a stop, and
// the end of a pause that was asked for in the run's last moment.
func TestCommitSteered(t *testing.T) {
	for name, c := range map[string]struct {
		state request.State
		ask   status.Want
		end   request.State
	}{
		"stop":   {request.StateAsleep, status.WantStop, request.StateStopped},
		"resume": {request.StatePaused, status.WantRun, request.StateDone},
		"cancel": {request.StateAsleep, "", request.StateStopped},
	} {
		_, m, o, res, clock := committing(t, nil)
		if entries := statusTold(t, o).Progress.Entries; entries != 1 {
			t.Errorf("%s: %d entries", name, entries)
		}
		ask := func(w status.Want) {
			if err := status.WriteControl(o.StateDir, "", status.Control{Want: w, At: o.Now()}); err != nil {
				t.Error(err)
			}
		}
		clock.day.Store(c.state == request.StateAsleep)
		if c.state == request.StatePaused {
			ask(status.WantPause)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- commit(ctx, res) }()
		until(t, name, func() bool {
			s := statusTold(t, o)
			return s.State == c.state && s.Waits == markerTurn && s.Progress.Entries == 1
		})
		if c.ask != "" {
			ask(c.ask)
		} else {
			stop()
		}
		err := <-ended
		if done := c.end == request.StateDone; done != (err == nil) || !done && !errors.Is(err, context.Canceled) || m.written > 0 != done {
			t.Errorf("%s: %d markers written: %v", name, m.written, err)
		}
		if s := statusTold(t, o); s.State != c.end || s.Waits != "" || s.Progress.Entries != 1 {
			t.Errorf("%s: in the end %q %q", name, s.State, s.Waits)
		}
		stop()
	}
}

// TestCommitTold: the start that writes a marker which an earlier one was stopped before tells
// that the run is over, and no start of a run that has ended changes its numbers.
func TestCommitTold(t *testing.T) {
	s, m, o, res, clock := committing(t, nil)
	clock.day.Store(true)
	ended, stop := context.WithCancel(t.Context())
	stop()
	if err := commit(ended, res); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	clock.day.Store(false)
	was := statusTold(t, o)
	if was.State != request.StateStopped {
		t.Errorf("%q", was.State)
	}
	if err := commit(t.Context(), mustRun(t, s, m, o)); err != nil {
		t.Error(err)
	}
	if is := statusTold(t, o); is.State != request.StateDone || is.Progress.Entries != was.Progress.Entries || is.Attempt != was.Attempt {
		t.Errorf("%+v", is)
	}
}
