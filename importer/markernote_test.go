package importer

import (
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// TestMarkerNoteOld: the note in the target is old when its write is sent, for that has waited at
// the gate; a cancel of another host counts from the last time that it may have been sent. So does
// a commit of that host before the cancel: where it is refused, the marker may come all the same.
func TestMarkerNoteOld(t *testing.T) {
	for _, commits := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, m, landed := sentLongAfterNote(t)
			other := taking(memDisk())
			other.Backoff, other.TakeOver, other.Marker = 200*time.Millisecond, time.Second, ""
			if commits {
				o := other
				o.Marker = testMarker
				res := mustRun(t, s, &refusing{fakeTarget: m.fakeTarget}, o)
				if err := commit(t.Context(), res); !target.IsUnknown(err) {
					t.Errorf("the other host's commit: %v", err)
				}
			}
			out, err := Cancel(t.Context(), s, deleting{m.fakeTarget}, finding(other, &[]string{}), true)
			landed()
			if _, there := m.objects["in/"+testMarker]; err != nil || len(out.Late) == 0 || !there {
				t.Errorf("commits %v: the cancel says nothing may come: %+v, %v; the marker is there: %v", commits, out, err, there)
			}
		})
	}
}

// sentLongAfterNote is a run whose host sends its marker an hour after the note in the target, and
// is killed then. The marker lands by a call.
func sentLongAfterNote(t *testing.T) (s *fakeSource, m *markerFaults, landed func()) {
	t.Helper()
	s, m = newSource(), &markerFaults{fakeTarget: newFake(t)}
	s.file("a", []byte("hello"))
	o := testOptions(t, memDisk())
	o.Backoff, o.Marker, o.JournalInTarget, o.Retries = 200*time.Millisecond, testMarker, true, None
	res := mustRun(t, s, m, o)
	hooked := &pausesAfterNote{markerFaults: m, run: res.run}
	res.run.target, res.run.mirror.target = hooked, hooked
	arrived := make(chan struct{})
	m.put = func(n int, store func() (target.Stored, error)) (target.Stored, error) {
		landed = func() { store() }
		hooked.dead.Store(true) // what settle would write
		close(arrived)
		return target.Stored{}, target.Unknown(target.NewError(target.CodeConnectionLost, "", "killed", nil))
	}
	go func() { // the operator, or the hours
		time.Sleep(time.Hour)
		res.run.calls.Gate.Pause(false)
	}()
	go commit(t.Context(), res)
	<-arrived
	return s, m, landed
}

// pausesAfterNote pauses the run once the note of its marker is in the target.
type pausesAfterNote struct {
	*markerFaults
	run  *run
	dead atomic.Bool
	once sync.Once
}

func (p *pausesAfterNote) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	if p.dead.Load() {
		return target.Stored{}, target.NewError(target.CodeAccessDenied, "", "dead", nil)
	}
	got, err := p.markerFaults.Put(ctx, in)
	if strings.HasSuffix(in.Key, "/"+mirrorCommit) {
		p.once.Do(func() { p.run.calls.Gate.Pause(true) })
	}
	return got, err
}

// TestMarkerFormerLeft: a run that has ended, and that another host has canceled, writes no note
// into the target behind the cancel.
func TestMarkerFormerLeft(t *testing.T) {
	soon(t, 0)
	s, f := newSource(), newFake(t)
	s.file("a", []byte("hello"))
	o := testOptions(t, memDisk())
	o.Marker, o.JournalInTarget = testMarker, true
	mustRun(t, s, f, o) // no marker: an outage, or a kill
	other := taking(memDisk())
	other.TakeOver = time.Millisecond
	var asked []string
	out, err := Cancel(t.Context(), s, deleting{f}, finding(other, &asked), false)
	t.Logf("cancel: %+v, %v; journal %q", out, err, f.journalKeys())
	res, err := Run(t.Context(), s, f, o)
	t.Logf("restart: %v %v", res != nil, err)
	if res != nil {
		t.Logf("complete %v earlier %v halt %v", res.Complete, res.Earlier, res.Halt)
		err = commit(t.Context(), res)
		t.Logf("commit: %v", err)
	}
	if left := f.journalKeys(); len(left) > 0 {
		t.Errorf("left %q", left)
	}
}

// TestMarkerSecondStart: while an earlier start's write of the marker is open no error of a later
// one says that none was written.
func TestMarkerSecondStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := memDisk()
		o := testOptions(t, disk)
		o.Backoff, o.Marker, o.Retries = 200*time.Millisecond, testMarker, None
		s, m, res := lateCommit(t, o)
		t.Logf("first: %v", commit(t.Context(), res))
		t.Logf("noted %q", notedKeys(t, disk))
		second := &refusing{fakeTarget: m.fakeTarget, code: target.CodeServerError}
		res = mustRun(t, s, second, o)
		err := commit(t.Context(), res)
		t.Logf("second, refused: unknown %v: %v", target.IsUnknown(err), err)
		res = mustRun(t, s, second, o)
		ctx, stop := context.WithCancel(t.Context())
		stop()
		err2 := commit(ctx, res)
		if err2 == nil || !strings.Contains(err2.Error(), notKnown) {
			t.Errorf("a stop before the write: %v", err2)
		}
		m.late()
		if _, there := m.objects["in/"+testMarker]; there && !target.IsUnknown(err) {
			t.Errorf("the marker is there; told %v and %v", err, err2)
		}
	})
}

// refusing is a store that refuses its marker for certain.
type refusing struct {
	*fakeTarget
	code target.Code
}

func (r *refusing) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	if in.Key == "in/"+testMarker {
		return target.Stored{}, target.NewError(target.CodeAccessDenied, in.Key, "AccessDenied", nil)
	}
	return r.fakeTarget.Put(ctx, in)
}

// TestMarkerNotesMerged: an open write of another host is kept where our own, settled note is newer
// by a clock that may be ahead.
func TestMarkerNotesMerged(t *testing.T) {
	open := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	theirs := commitNotes{Markers: []commitNote{{Key: "k", At: open, Open: open}}}
	for after, kept := range map[time.Duration]bool{time.Second: true, lateTime: true, lateTime + time.Second: false} {
		ours := commitNotes{Markers: []commitNote{{Key: "k", At: open.Add(after)}}}
		if got := ours.and(theirs).of("k"); got.Open.IsZero() == kept || !got.At.Equal(open.Add(after)) {
			t.Errorf("%v: %+v", after, got)
		}
	}
}

// TestMayComeLate: a request may have its effect for as long as the clocks of the target and of the
// hosts may be apart.
func TestMayComeLate(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for filled, most := range map[bool]time.Duration{false: 30 * time.Minute, true: 45 * time.Minute} {
		r := &run{opts: Options{Now: func() time.Time { return now }}, header: header{Filled: filled}}
		if !r.mayComeLate(now.Add(time.Second-most)) || r.mayComeLate(now.Add(-most)) {
			t.Errorf("filled %v: not %v", filled, most)
		}
	}
}

// TestMarkerNoteBehindCancel: a run that has ended looks at its marker, and another host cancels the
// run before the note of that look is written, which may wait at the gate. No note is left behind
// the cancel, and the run is not this host's any more.
func TestMarkerNoteBehindCancel(t *testing.T) {
	soon(t, 0)
	s, f := newSource(), newFake(t)
	s.file("a", []byte("hello"))
	o := testOptions(t, memDisk())
	o.Marker, o.JournalInTarget = testMarker, true
	if err := commit(t.Context(), mustRun(t, s, f, o)); err != nil {
		t.Fatal(err)
	}
	res := mustRun(t, s, f, o)
	hooked := &canceledAfterRead{fakeTarget: f, cancel: func() {
		other := taking(memDisk())
		other.TakeOver = time.Millisecond
		if out, err := Cancel(t.Context(), s, deleting{f}, finding(other, &[]string{}), true); err != nil || out.Journal == "" {
			t.Errorf("%+v, %v", out, err)
		}
	}}
	res.run.target = hooked
	err := commit(t.Context(), res)
	if left := f.journalKeys(); len(left) > 0 {
		t.Errorf("%v; left %q", err, left)
	}
	if !target.HasCode(err, target.CodeTakenOver) || !target.HasCode(res.run.ours(), target.CodeTakenOver) {
		t.Errorf("%v; the run is %v", err, res.run.ours())
	}
}

// canceledAfterRead calls back once its commit marker was read.
type canceledAfterRead struct {
	*fakeTarget
	cancel func()
	once   sync.Once
}

func (c *canceledAfterRead) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	body, err := c.fakeTarget.Get(ctx, key, version)
	if key == "in/"+testMarker {
		c.once.Do(c.cancel)
	}
	return body, err
}
