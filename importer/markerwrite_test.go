package importer

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// lateMarker is a store that never answers the first PUT of the commit marker, and stores it
// when the test says so.
type lateMarker struct {
	*fakeTarget
	puts  int
	looks int
	late  func()          // stores what the first PUT sent
	look  func(n int)     // at each look at the marker
	later func(int) error // what a later PUT is answered with
}

func (m *lateMarker) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	body, err := m.fakeTarget.Get(ctx, key, version)
	if key == "in/"+testMarker && m.look != nil {
		m.looks++
		m.look(m.looks)
	}
	return body, err
}

func (m *lateMarker) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	if in.Key != "in/"+testMarker {
		return m.fakeTarget.Put(ctx, in)
	}
	if m.puts++; m.puts > 1 {
		if m.later != nil {
			return target.Stored{}, m.later(m.puts)
		}
		return m.fakeTarget.Put(ctx, in)
	}
	data, err := io.ReadAll(in.Body)
	m.late = func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.objects[in.Key] = fakeObject{data: data, key: in.Key}
	}
	return target.Stored{}, errors.Join(err, lostAnswer)
}

// lateCommit is a run whose marker's first PUT has no answer.
func lateCommit(t *testing.T, o Options) (s *fakeSource, m *lateMarker, res *Result) {
	t.Helper()
	s, m = newSource(), &lateMarker{fakeTarget: newFake(t)}
	s.file("a", []byte("hello"))
	return s, m, mustRun(t, s, m, o)
}

// lateOptions are those of a run that another process can cancel, if it is taken.
func lateOptions(t *testing.T, taken bool) Options {
	t.Helper()
	o := testOptions(t, memDisk())
	if taken {
		first, err := OpenState(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { first.Close() })
		o.StateDir = first
	}
	o.Marker, o.Retries = testMarker, 3
	return o
}

// TestCommitInDoubt: a PUT without an answer may arrive after whatever ends the write. No error
// after it says that no marker was written, and each says that this is not known.
func TestCommitInDoubt(t *testing.T) {
	for _, c := range []struct {
		name  string
		taken bool
		then  func(t *testing.T, s *fakeSource, m *lateMarker, o Options, stop func())
		want  func(err error) bool
	}{
		{"canceled by another process", true, func(t *testing.T, s *fakeSource, m *lateMarker, o Options, _ func()) {
			cancelFrom(t, s, m.fakeTarget, o)
		},
			func(err error) bool {
				return target.HasCode(err, target.CodeTakenOver) && strings.Contains(target.AsError(err).Remedy, "remove")
			}},
		{"stopped", false, func(_ *testing.T, _ *fakeSource, _ *lateMarker, _ Options, stop func()) { stop() },
			func(err error) bool { return errors.Is(err, context.Canceled) }},
		{"another marker", false, func(_ *testing.T, _ *fakeSource, m *lateMarker, _ Options, _ func()) {
			m.later = func(int) error {
				m.objects["in/"+testMarker] = fakeObject{data: []byte("another")}
				return target.KeyExists("in/" + testMarker)
			}
		}, func(err error) bool { return errors.Is(err, ErrOtherMarker) }},
		{"refused", false, func(_ *testing.T, _ *fakeSource, m *lateMarker, _ Options, _ func()) {
			m.later = func(int) error { return target.NewError(target.CodeAccessDenied, "", "no", nil) }
		}, func(err error) bool { return target.HasCode(err, target.CodeAccessDenied) }},
		{"busy until the end", false, func(_ *testing.T, _ *fakeSource, m *lateMarker, _ Options, _ func()) {
			m.later = func(int) error { return target.NewError(target.CodeThrottled, "", "slow down", nil) }
		}, func(err error) bool { return target.HasCode(err, target.CodeThrottled) }},
	} {
		o := lateOptions(t, c.taken)
		s, m, res := lateCommit(t, o)
		ctx, stop := context.WithCancel(t.Context())
		m.look = func(n int) {
			if n == 2 { // after the write, before the next
				c.then(t, s, m, o, stop)
			}
		}
		err := commit(ctx, res)
		stop()
		m.late()
		told := ""
		if err != nil {
			told = err.Error()
		}
		if !c.want(err) || !strings.Contains(told, "whether the commit marker was written is not known") || strings.Contains(told, "no commit marker was written") {
			t.Errorf("%s: %v", c.name, err)
		}
		if !errors.Is(err, context.Canceled) && !target.IsUnknown(err) {
			t.Errorf("%s: no unknown end: %v", c.name, err)
		}
	}
}

// TestCommitSure: what was never sent leaves no doubt.
func TestCommitSure(t *testing.T) {
	_, m, res := lateCommit(t, lateOptions(t, false))
	ctx, stop := context.WithCancel(t.Context())
	m.look = func(int) { stop() }
	if err := commit(ctx, res); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "no commit marker was written") || m.puts > 0 {
		t.Errorf("%d writes: %v", m.puts, err)
	}
}

// TestCommitNotShown: a store that refuses the write because the key exists, and shows none, is
// told as that; one that shows the marker late has it.
func TestCommitNotShown(t *testing.T) {
	for name, late := range map[string]bool{"never shown": false, "shown late": true} {
		s, m := newSource(), &markerFaults{fakeTarget: newFake(t)}
		s.file("a", []byte("hello"))
		o := testOptions(t, memDisk())
		o.Marker = testMarker
		res := mustRun(t, s, m, o)
		looks := 0
		m.put = func(int, func() (target.Stored, error)) (target.Stored, error) {
			m.hook = func(_ int, call, key string) (bool, error) {
				if looks++; call == "get" && late && looks == 4 {
					m.objects["in/"+testMarker] = fakeObject{data: []byte("committed")}
				}
				return true, nil
			}
			return target.Stored{}, target.KeyExists("in/" + testMarker)
		}
		err := commit(t.Context(), res)
		if late != (err == nil) || !late && !target.HasCode(err, target.CodeNotShown) || m.puts != 1 {
			t.Errorf("%s: %d writes: %v", name, m.puts, err)
		}
	}
}

// TestCommitComesAndGoes: an answer that is for the package alone is told in other words.
func TestCommitComesAndGoes(t *testing.T) {
	_, m, res := lateCommit(t, lateOptions(t, false))
	faulty := &markerFaults{fakeTarget: m.fakeTarget}
	faulty.put = func(int, func() (target.Stored, error)) (target.Stored, error) {
		e := target.NewError(target.CodeRestart, "", "ConditionalRequestConflict", nil)
		e.Class = target.Retryable // as the S3 client has it
		return target.Stored{}, e
	}
	res.run.target = faulty
	if err := commit(t.Context(), res); !target.HasCode(err, target.CodeConflict) || faulty.puts < 2 {
		t.Errorf("%d writes: %v", faulty.puts, err)
	}
}

// TestCommitHears: while the write itself waits, for its hours or in a pause, the status says so,
// and a stop, a resume and a cancel from elsewhere are heard. Nothing is asked of the target.
func TestCommitHears(t *testing.T) {
	for name, c := range map[string]struct {
		pause  bool
		hear   func(t *testing.T, s *fakeSource, m *lateMarker, o Options)
		wanted func(err error) bool
	}{
		"stop": {hear: func(t *testing.T, _ *fakeSource, _ *lateMarker, o Options) { asks(t, o, status.WantStop) },
			wanted: func(err error) bool { return errors.Is(err, context.Canceled) }},
		"canceled": {hear: func(t *testing.T, _ *fakeSource, _ *lateMarker, o Options) {
			if err := (&run{opts: o}).markCanceled(lease.This()); err != nil {
				t.Error(err)
			}
		}, wanted: func(err error) bool { return target.HasCode(err, target.CodeCanceled) }},
		"resume": {pause: true, hear: func(t *testing.T, _ *fakeSource, _ *lateMarker, o Options) { asks(t, o, status.WantRun) },
			wanted: func(err error) bool { return err == nil }},
	} {
		synctest.Test(t, func(t *testing.T) {
			o, clock := closing(t, lateOptions(t, false))
			o.StatusEvery = time.Second
			s, m, res := lateCommit(t, o)
			waits := false
			m.look = func(n int) {
				if n != 2 {
					if waits {
						t.Errorf("%s: the target was asked", name)
					}
					return
				}
				if waits = true; !c.pause {
					clock.day.Store(true)
					return
				}
				asks(t, o, status.WantPause)
				time.Sleep(3 * time.Second)
			}
			ended := make(chan error, 1)
			go func() { ended <- commit(context.Background(), res) }()
			time.Sleep(time.Minute)
			want := request.StateAsleep
			if c.pause {
				want = request.StatePaused
			}
			if is := statusTold(t, o); is.State != want || is.Waits != markerTurn {
				t.Errorf("%s: told is %q %q", name, is.State, is.Waits)
			}
			if c.pause {
				waits = false
			}
			c.hear(t, s, m, o)
			time.Sleep(time.Minute)
			select {
			case err := <-ended:
				if !c.wanted(err) {
					t.Errorf("%s: %v", name, err)
				}
			default:
				t.Errorf("%s: not heard", name)
				clock.day.Store(false)
				<-ended
			}
			if is := statusTold(t, o); is.Waits != "" {
				t.Errorf("%s: in the end %q %q", name, is.State, is.Waits)
			}
		})
	}
}

// asks asks the run of something.
func asks(t *testing.T, o Options, w status.Want) {
	t.Helper()
	if err := status.WriteControl(o.StateDir, "", status.Control{Want: w, At: o.Now()}); err != nil {
		t.Error(err)
	}
}
