package importer

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// notedKeys are the keys of the markers that a state folder keeps, each with "open" if a write of
// it has had no answer.
func notedKeys(t *testing.T, disk vfs.FS) (keys []string) {
	t.Helper()
	r := &run{opts: Options{StateDir: stateOf(disk), RunID: "run-1"}}
	notes, err := r.notedHere()
	if err != nil {
		t.Error(err)
	}
	for _, n := range notes.Markers {
		if !n.Open.IsZero() {
			n.Key += " open"
		}
		keys = append(keys, n.Key)
	}
	return keys
}

// TestMarkerNoted: the key of a commit marker is on the disk, and in the run's journal in the
// target, when its first write is sent; its end is noted, too.
func TestMarkerNoted(t *testing.T) {
	for _, inTarget := range []bool{false, true} {
		soon(t, 0)
		s, m, disk := newSource(), &markerFaults{fakeTarget: newFake(t)}, memDisk()
		s.file("a", []byte("hello"))
		o := testOptions(t, disk)
		o.Marker, o.JournalInTarget = testMarker, inTarget
		res := mustRun(t, s, m, o)
		m.put = func(n int, store func() (target.Stored, error)) (target.Stored, error) {
			if noted := notedKeys(t, disk.CrashClone(newRand(1), 0)); !slices.Equal(noted, []string{"in/" + testMarker + " open"}) {
				t.Errorf("write %d: a loss of power leaves %q", n, noted)
			}
			there := slices.ContainsFunc(m.journalKeys(), func(key string) bool { return strings.HasSuffix(key, "/"+mirrorCommit) })
			if there != inTarget {
				t.Errorf("write %d: journal in the target %v, noted there %v", n, inTarget, there)
			}
			if n == 1 {
				return target.Stored{}, target.NewError(target.CodeThrottled, "", "SlowDown", nil)
			}
			return store()
		}
		if err := commit(t.Context(), res); err != nil {
			t.Fatal(err)
		}
		if noted := notedKeys(t, disk); !slices.Equal(noted, []string{"in/" + testMarker}) {
			t.Errorf("in the end %q", noted)
		}
		if inTarget {
			n, err := res.run.mirrored().commitNotes(t.Context(), res.run)
			if err != nil || len(n.Markers) != 1 || !n.Markers[0].Open.IsZero() {
				t.Errorf("in the end, in the target: %+v, %v", n, err)
			}
		}
	}
}

// TestMarkerUnnoted: no marker is written whose key cannot be kept, and the error says so.
func TestMarkerUnnoted(t *testing.T) {
	soon(t, 0)
	s, m, o := newSource(), &marking{fakeTarget: newFake(t)}, testOptions(t, memDisk())
	s.file("a", []byte("hello"))
	o.Marker, o.JournalInTarget = testMarker, true
	res := mustRun(t, s, m, o)
	m.hook = func(_ int, call, key string) (bool, error) {
		if call == "put" && strings.HasSuffix(key, "/"+mirrorCommit) {
			return false, target.NewError(target.CodeAccessDenied, key, "no", nil)
		}
		return true, nil
	}
	if err := commit(t.Context(), res); !target.HasCode(err, target.CodeAccessDenied) || target.IsUnknown(err) || m.written > 0 {
		t.Errorf("%d written: %v", m.written, err)
	}
	m.hook = nil
	if err := commit(t.Context(), res); err != nil || m.written != 1 {
		t.Errorf("%d written: %v", m.written, err)
	}
}

// curtained is a store that shows its commit marker from a time on.
type curtained struct {
	deleting
	from time.Time
}

func (c curtained) hides(key string) bool {
	return key == "in/"+testMarker && time.Now().Before(c.from)
}

func (c curtained) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	if c.hides(key) {
		return nil, target.NotFound(key)
	}
	return c.deleting.Get(ctx, key, version)
}

func (c curtained) Head(ctx context.Context, key string) (target.Object, error) {
	if c.hides(key) {
		return target.Object{}, target.NotFound(key)
	}
	return c.deleting.Head(ctx, key)
}

// finding removes each marker that a cancel finds, and notes which keys it is asked for.
func finding(o Options, asked *[]string) Options {
	return removing(o, func(at *CommitStore, ctx context.Context) (*SeenMarker, error) {
		*asked = append(*asked, at.Key())
		return at.Find(ctx)
	})
}

// TestCancelKnowsMarker: a cancel finds the marker of its run by what the run has kept, whatever
// name it is given, on this host and another, also one that the target shows late. A folder of an
// older sledge needs the name. A name that is given is asked for in any case: before this sledge
// kept one, an older sledge may have written the run's marker under it.
func TestCancelKnowsMarker(t *testing.T) {
	for _, c := range []struct {
		name     string
		inTarget bool
		other    bool   // another host
		old      bool   // the run kept nothing
		given    string // --commit-marker
		late     time.Duration
		also     string
		asks     string
	}{
		{name: "no name", asks: "in/" + testMarker},
		{name: "the name", given: testMarker, asks: "in/" + testMarker},
		{name: "another name", given: "_OTHER", also: "in/_OTHER", asks: "in/" + testMarker},
		{name: "another name, on another host", inTarget: true, other: true, given: "_OTHER", also: "in/_OTHER", asks: "in/" + testMarker},
		{name: "shown late", late: 15 * time.Second, asks: "in/" + testMarker},
		{name: "journal in the target", inTarget: true, asks: "in/" + testMarker},
		{name: "another host", inTarget: true, other: true, asks: "in/" + testMarker},
		{name: "another host, shown late", inTarget: true, other: true, late: 15 * time.Second, asks: "in/" + testMarker},
		{name: "an old folder", old: true, given: testMarker, asks: "in/" + testMarker},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, f, disk := newSource(), newFake(t), memDisk()
				s.file("a", []byte("hello"))
				o := testOptions(t, disk)
				o.Backoff, o.Marker, o.JournalInTarget = 200*time.Millisecond, testMarker, c.inTarget
				if err := commit(t.Context(), mustRun(t, s, f, o)); err != nil {
					t.Fatal(err)
				}
				if c.old {
					if err := disk.Remove(commitNotesName); err != nil {
						t.Fatal(err)
					}
				}
				if c.other {
					o = taking(memDisk())
					o.Backoff, o.TakeOver = 200*time.Millisecond, time.Second
				}
				o.Marker = c.given
				var asked []string
				store := curtained{deleting{f}, time.Now().Add(c.late)}
				out, err := Cancel(t.Context(), s, store, finding(o, &asked), true)
				want := slices.DeleteFunc([]string{c.also, c.asks}, func(key string) bool { return key == "" })
				if err != nil || len(out.Late) > 0 || !slices.Equal(asked, want) {
					t.Errorf("%+v, %v; asked for %q", out, err, asked)
				}
				if _, there := f.objects["in/"+testMarker]; there || f.ours() > 0 {
					t.Errorf("the marker is there %v, and %d objects", there, f.ours())
				}
				took, o := time.Duration(0), finding(o, &asked)
				find := o.Uncommit
				o.Uncommit = func(ctx context.Context, at *CommitStore) error {
					began := time.Now()
					defer func() { took = time.Since(began) }()
					return find(ctx, at)
				}
				if _, err := Cancel(t.Context(), s, store, o, true); err != nil || took > 0 {
					t.Errorf("again: after %v: %v", took, err)
				}
			})
		})
	}
}

// TestCancelMarkerLate: a write of the marker that had no answer is waited for; while it may yet
// come the cancel names the key, and the next call finds what has come.
func TestCancelMarkerLate(t *testing.T) {
	for name, after := range map[string]time.Duration{"at once": 0, "after minutes": 5 * time.Minute, "after an hour": time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				disk := memDisk()
				o := testOptions(t, disk)
				o.Backoff, o.Marker, o.Retries = 200*time.Millisecond, testMarker, None
				s, m, res := lateCommit(t, o)
				if err := commit(t.Context(), res); !target.IsUnknown(err) {
					t.Fatal(err)
				}
				time.Sleep(after)
				o.Marker = ""
				var asked []string
				began := time.Now()
				out, err := Cancel(t.Context(), s, deleting{m.fakeTarget}, finding(o, &asked), true)
				waits := time.Since(began) >= 15*time.Second
				if err != nil || (len(out.Late) == 1) != (after < lateTime) || waits != (after < time.Minute) {
					t.Fatalf("after %v: %+v, %v", time.Since(began), out, err)
				}
				if len(out.Late) == 0 {
					return
				}
				if l := out.Late[0]; l.Key != "in/"+testMarker || l.Call != request.PutObject || !l.Until.After(time.Now()) {
					t.Errorf("%+v", l)
				}
				m.late()
				time.Sleep(lateTime)
				out, err = Cancel(t.Context(), s, deleting{m.fakeTarget}, finding(o, &asked), true)
				if _, there := m.objects["in/"+testMarker]; err != nil || there || len(out.Late) > 0 {
					t.Errorf("the marker is there %v: %+v, %v", there, out, err)
				}
			})
		})
	}
}

// TestMarkerNotes: what a newer sledge has written, or what is of another run, is no note.
func TestMarkerNotes(t *testing.T) {
	for text, fits := range map[string]bool{
		`{"version":1,"run":"run-1","markers":[{"key":"in/_C","at":"2026-01-01T00:00:00Z"}]}`: true,
		`{"version":2,"run":"run-1","markers":[]}`:                                            false,
		`{"version":1,"run":"run-2","markers":[]}`:                                            false,
		`{`: false,
	} {
		disk := memDisk()
		if err := status.Replace(disk, commitNotesName, []byte(text)); err != nil {
			t.Fatal(err)
		}
		r := &run{opts: Options{StateDir: stateOf(disk), RunID: "run-1"}}
		if n, err := r.notedHere(); (err == nil) != fits || fits && n.of("in/_C").At.IsZero() {
			t.Errorf("%s: %+v, %v", text, n, err)
		}
	}
}
