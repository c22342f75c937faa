package importer

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// TestMirrorWatchesAnHour: the target is gone for an hour. Whether another host has the
// run is asked about once a minute meanwhile, and the run goes on by itself.
func TestMirrorWatchesAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f := newSource(), newFake(t)
		s.file("big", pattern(1, 17<<20))
		o := mirrored(nil, memDisk())
		o.HaltWait, o.Backoff, o.Retries = 24*time.Hour, 0, 3
		var gone time.Time
		looks, tries := 0, 0
		f.hook = func(_ int, call, key string) (bool, error) {
			if gone.IsZero() && call == "part" && key == "in/big" {
				gone = time.Now()
			}
			if gone.IsZero() || time.Since(gone) > time.Hour {
				return true, nil
			}
			if tries++; strings.Contains(key, "/leases/") {
				looks++
			}
			return false, target.NewError(target.CodeTargetAbsent, "", "connection refused", nil)
		}
		res := mustRun(t, s, f, o)
		if !res.Complete || time.Since(gone) < time.Hour || time.Since(gone) > time.Hour+2*time.Minute {
			t.Errorf("after %v: %+v", time.Since(gone), res)
		}
		if looks < 55 || looks > 65 {
			t.Errorf("%d looks in an hour without a target", looks)
		}
		if most := 66 * (1 + o.Retries); tries-looks > most { // of the scout
			t.Errorf("%d other calls in an hour, want at most %d", tries-looks, most)
		}
		f.check(t, s, "in/")
	})
}

// garbled gives something else than what is there.
type garbled struct {
	*fakeTarget
	text string
}

func (g garbled) Get(context.Context, string, string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(g.text)), nil
}

func (g garbled) Head(context.Context, string) (target.Object, error) { return target.Object{}, nil }

// TestMirrorLook: a look is one attempt and spends no retry. What it is refused, or
// cannot read, is not known, and nothing is lost by it; what is certain afterwards asks
// again, and knows.
func TestMirrorLook(t *testing.T) {
	for name, fail := range map[string]func(f *fakeTarget) target.Target{
		"target gone": func(f *fakeTarget) target.Target {
			return failing(f, "head", target.NewError(target.CodeTargetAbsent, "", "", nil))
		},
		"busy": func(f *fakeTarget) target.Target {
			return failing(f, "get", target.NewError(target.CodeThrottled, "", "", nil))
		},
		"answer lost": func(f *fakeTarget) target.Target {
			return failing(f, "get", target.Unknown(target.NewError(target.CodeConnectionLost, "", "", nil)))
		},
		"no right": func(f *fakeTarget) target.Target {
			return failing(f, "head", target.NewError(target.CodeAccessDenied, "", "", nil))
		},
		"no bucket": func(f *fakeTarget) target.Target {
			return failing(f, "get", target.NewError(target.CodeNoSuchBucket, "", "", nil))
		},
		"a page of 200": func(f *fakeTarget) target.Target { return garbled{f, "<html>"} },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			r, _, err := newRun(t.Context(), mixed(), f, mirrored(nil, memDisk()))
			if err != nil {
				t.Fatal(err)
			}
			defer r.cancel()
			m, err := newMirror(r)
			if err != nil {
				t.Fatal(err)
			}
			m.id = "this host"
			if err := m.claim(t.Context(), 1, false); err != nil {
				t.Fatal(err)
			}
			m.target = fail(f)
			r.calls.Again(0, target.NewError(target.CodeServerError, "", "", nil)) // or nothing could be earned
			left, again := r.calls.RetriesLeft(), r.calls.Retried()
			calls := f.calls
			if err := m.look(t.Context(), r.calls.Once); err == nil || target.HasCode(err, target.CodeTakenOver) || m.held() != nil {
				t.Errorf("a look: %v, then %v", err, m.held())
			}
			if f.calls > calls+2 || r.calls.RetriesLeft() != left || r.calls.Retried() != again {
				t.Errorf("a look made %d calls, %d of them again", f.calls-calls, r.calls.Retried()-again)
			}
			f.hook, m.target = nil, f
			if err := m.check(t.Context()); err != nil {
				t.Errorf("it is there again: %v", err)
			}
			if r.calls.RetriesLeft() != left {
				t.Errorf("looks left %v of %v retries", r.calls.RetriesLeft(), left)
			}
			second := &mirror{target: f, calls: r.calls, frames: m.frames, prefix: m.prefix, id: "another host"}
			if err := second.claim(t.Context(), 2, false); err != nil {
				t.Fatal(err)
			}
			if err := m.look(t.Context(), r.calls.Once); !target.HasCode(err, target.CodeTakenOver) || m.held() == nil {
				t.Errorf("another host has it: %v", err)
			}
		})
	}
}

// failing has each call of a kind fail.
func failing(f *fakeTarget, kind string, err *target.Error) target.Target {
	f.hook = func(_ int, call, _ string) (bool, error) {
		if call == kind {
			return false, err
		}
		return true, nil
	}
	return f
}
