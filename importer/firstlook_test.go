package importer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
)

// away is a store that answers nothing for a time, from one of its calls on.
type away struct {
	code  target.Code
	lasts time.Duration
	from  func(n int, call, key string) bool // n counts from 1, in each start

	n     int
	since time.Time
}

func (a *away) hook(_ int, call, key string) (bool, error) {
	if a.n++; a.since.IsZero() && a.from(a.n, call, key) {
		a.since = time.Now()
	}
	if !a.since.IsZero() && time.Since(a.since) < a.lasts {
		return false, target.NewError(a.code, key, "status 500", nil)
	}
	return true, nil
}

func nth(n int) func(int, string, string) bool {
	return func(i int, _, _ string) bool { return i >= n }
}

func probesBy(what string) func(int, string, string) bool {
	return func(_ int, call, key string) bool { return call == what && strings.Contains(key, probe.Prefix) }
}

// TestFirstLookWaits: a store that is away for an hour while a start looks at it is waited for
// once it has given a good answer. One that has given none ends the start at once, and so does
// what the operator may have named or allowed wrongly. What a probe could not remove meanwhile
// is no news, for the next one has.
func TestFirstLookWaits(t *testing.T) {
	marker := func(_ int, call, key string) bool { return call == "put" && isMarker(key) }
	for name, c := range map[string]struct {
		code    target.Code
		from    func(int, string, string) bool
		before  bool // it is a second start
		ended   bool // of a run that has ended
		atOnce  bool
		remains bool // what a probe has left, which could not be removed
	}{
		"the first call":                    {code: target.CodeTargetAbsent, from: nth(1), atOnce: true},
		"the first call of a later start":   {code: target.CodeServerError, from: nth(1), before: true, atOnce: true},
		"the first call after the end":      {code: target.CodeServerError, from: nth(1), before: true, ended: true, atOnce: true},
		"a look at what is there":           {code: target.CodeServerError, from: nth(5), before: true},
		"a look at what an ended run holds": {code: target.CodeCredentialsExpired, from: nth(5), before: true, ended: true},
		"the probe's PUT":                   {code: target.CodeServerError, from: probesBy("put")},
		"the probe's parts":                 {code: target.CodeThrottled, from: probesBy("part")},
		"the probe of a later start":        {code: target.CodeCredentialsRefused, from: probesBy("part"), before: true},
		"the marker's PUT":                  {code: target.CodeTargetAbsent, from: marker},
		"no right to PUT":                   {code: target.CodeAccessDenied, from: probesBy("put"), atOnce: true, remains: true},
		"no right to PUT, any more":         {code: target.CodeAccessDenied, from: probesBy("put"), before: true, atOnce: true, remains: true},
		"signatures of PUT are refused":     {code: target.CodeCredentialsRefused, from: probesBy("put"), atOnce: true, remains: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, f, disk := manyFiles(40), newFake(t), memDisk()
			o := testOptions(nil, disk)
			o.HaltWait, o.Backoff, o.Retries = 24*time.Hour, 10*time.Millisecond, 2
			switch {
			case c.ended:
				mustRun(t, s, f, o)
			case c.before:
				stopAfter(t, s, f, o, 20)
			}
			said := map[target.Code]int{}
			o.Problem = func(e *target.Error) { said[e.Code]++ }
			store := &away{code: c.code, lasts: time.Hour, from: c.from}
			f.hook = store.hook
			began := time.Now()
			res, err := Run(t.Context(), s, f, o)
			f.hook = nil
			took := time.Since(began)
			if store.since.IsZero() {
				t.Fatalf("%s: it was never away", name)
			}
			if c.atOnce {
				if !target.HasCode(err, c.code) || res.ExitClass() != ExitFixable || took > time.Minute || said[c.code] != 1 || said[target.CodeProbeLeft] > 0 != c.remains {
					t.Errorf("%s: %v after %v, said %v", name, err, took, said)
				}
				return
			}
			if err != nil || !res.Complete || took < time.Hour || said[c.code] != 1 || len(said) != 1 {
				t.Errorf("%s: %v after %v, said %v, %+v", name, err, took, said, res)
			}
			f.check(t, s, "in/")
		})
	}
}

// TestFirstLookEnds: a first look that waits ends with whoever stops the run, and after the time
// that it may wait; what its probe has left is named then.
func TestFirstLookEnds(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s, f := mixed(), newFake(t)
			o := testOptions(nil, memDisk())
			o.HaltWait, o.Backoff, o.Retries = time.Hour, 10*time.Millisecond, 2
			said := map[target.Code]int{}
			o.Problem = func(e *target.Error) { said[e.Code]++ }
			f.hook = (&away{code: target.CodeServerError, lasts: 1 << 60, from: probesBy("part")}).hook
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if stopped {
				time.AfterFunc(time.Minute, stop)
			}
			began := time.Now()
			res, err := Run(ctx, s, f, o)
			took := time.Since(began)
			right := target.HasCode(err, target.CodeServerError) && res.ExitClass() == ExitFixable && took >= time.Hour
			if stopped {
				right = errors.Is(err, context.Canceled) && res.Halt == nil && took < 2*time.Minute
			}
			if !right || said[target.CodeProbeLeft] != 4 {
				t.Errorf("stopped %v: %v after %v, said %v", stopped, err, took, said)
			}
		})
	}
}
