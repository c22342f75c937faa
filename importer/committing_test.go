package importer

import (
	"context"
	"errors"
	"testing"
	"time"
)

// marking counts the markers that Commit lets a caller write.
type marking struct {
	written int
	before  func() // right before the caller asks whether it may
}

func (m *marking) mark(_ context.Context, mayWrite func() error) error {
	if m.before != nil {
		m.before()
	}
	if err := mayWrite(); err != nil {
		return err
	}
	m.written++
	return nil
}

// committing is a run that has ended in a folder, whose marker waits for the night.
func committing(t *testing.T, change func(*Options)) (s *fakeSource, f *fakeTarget, o Options, res *Result, clock *office) {
	t.Helper()
	first, err := OpenState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { first.Close() })
	s, f = newSource(), newFake(t)
	s.file("a", []byte("hello"))
	o, clock = closing(t, testOptions(t, first))
	o.StatusEvery = time.Millisecond
	if change != nil {
		change(&o)
	}
	return s, f, o, mustRun(t, s, f, o), clock
}

// cancelFrom gives the run up by another process, which deletes its objects.
func cancelFrom(t *testing.T, s Source, f *fakeTarget, o Options) {
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
			s, f, o, res, clock := committing(t, func(o *Options) { o.JournalInTarget = inTarget })
			m := &marking{}
			cancel := func() { cancelFrom(t, s, f, o) }
			if waits {
				clock.day.Store(true)
				time.AfterFunc(5*time.Millisecond, func() { cancel(); clock.day.Store(false) })
			} else {
				m.before = cancel
			}
			if err := res.Commit(t.Context(), m.mark); !hasCode(err, CodeTakenOver) || m.written > 0 {
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
		s, f, o, res, _ := committing(t, func(o *Options) { o.JournalInTarget = true })
		if later {
			res = mustRun(t, s, f, o)
		}
		m := &marking{before: func() {
			host := taking(memDisk())
			if _, err := Cancel(context.Background(), s, deleting{f}, host, false); err != nil {
				t.Error(err)
			}
		}}
		if err := res.Commit(t.Context(), m.mark); !hasCode(err, CodeTakenOver) || m.written > 0 {
			t.Errorf("later %v: %d markers written: %v", later, m.written, err)
		}
	}
	_, _, _, res, _ := committing(t, func(o *Options) { o.JournalInTarget = true })
	m := &marking{}
	if err := res.Commit(t.Context(), m.mark); err != nil || m.written != 1 {
		t.Errorf("%d markers written: %v", m.written, err)
	}
}

// TestCommitDuringCancel: who canceled the run during the write may not have found the marker.
func TestCommitDuringCancel(t *testing.T) {
	s, f, o, res, _ := committing(t, nil)
	err := res.Commit(t.Context(), func(_ context.Context, mayWrite func() error) error {
		if err := mayWrite(); err != nil {
			return err
		}
		cancelFrom(t, s, f, o)
		return nil
	})
	if !hasCode(err, CodeTakenOver) {
		t.Errorf("committed, and canceled: %v", err)
	}
}

// statusTold reads what the status tells.
func statusTold(t *testing.T, o Options) Status {
	t.Helper()
	s, ok := (&run{opts: o}).lastStatus()
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
		state State
		ask   Want
		end   State
	}{
		"stop":   {StateAsleep, WantStop, StateStopped},
		"resume": {StatePaused, WantRun, StateDone},
		"cancel": {StateAsleep, "", StateStopped},
	} {
		_, _, o, res, clock := committing(t, nil)
		if entries := statusTold(t, o).Progress.Entries; entries != 1 {
			t.Errorf("%s: %d entries", name, entries)
		}
		ask := func(w Want) {
			if err := WriteControl(o.StateDir, "", Control{Want: w, At: o.Now()}); err != nil {
				t.Error(err)
			}
		}
		clock.day.Store(c.state == StateAsleep)
		if c.state == StatePaused {
			ask(WantPause)
		}
		ctx, stop := context.WithCancel(t.Context())
		m, ended := &marking{}, make(chan error, 1)
		go func() { ended <- res.Commit(ctx, m.mark) }()
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
		if done := c.end == StateDone; done != (err == nil) || !done && !errors.Is(err, context.Canceled) || m.written > 0 != done {
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
	s, f, o, res, clock := committing(t, nil)
	clock.day.Store(true)
	ended, stop := context.WithCancel(t.Context())
	stop()
	if err := res.Commit(ended, (&marking{}).mark); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	clock.day.Store(false)
	was := statusTold(t, o)
	if was.State != StateStopped {
		t.Errorf("%q", was.State)
	}
	if err := mustRun(t, s, f, o).Commit(t.Context(), (&marking{}).mark); err != nil {
		t.Error(err)
	}
	if is := statusTold(t, o); is.State != StateDone || is.Progress.Entries != was.Progress.Entries || is.Attempt != was.Attempt {
		t.Errorf("%+v", is)
	}
}
