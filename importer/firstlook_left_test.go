package importer

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// TestFirstLookLeavesNothing: what a probe could not remove in an outage is removed after it, or
// named, also where the probe that follows does not come to see it.
func TestFirstLookLeavesNothing(t *testing.T) {
	unlisted := func(call string) error {
		return when(target.NewError(target.CodeAccessDenied, "", "no list of uploads", nil), call == "listuploads")
	}
	names := func(call, key, what string) bool { return call == what && strings.Contains(key, "/names/") }
	for name, c := range map[string]struct {
		away  func(n int, call, key string) bool
		apply bool // the first call of the outage has its effect
		other func(call, key string) error
		named int // keys that are named
	}{
		"an upload that no list shows":     {away: probesBy("part"), other: func(call, _ string) error { return unlisted(call) }},
		"an upload without an answer":      {away: probesBy("create"), apply: true, other: func(call, _ string) error { return unlisted(call) }, named: 1},
		"a name that is not written again": {away: func(_ int, call, key string) bool { return names(call, key, "delete") }},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, f := newSource(), newFake(t)
			for _, path := range []string{`b\c`, "d+e"} {
				s.file(path, []byte("hello"))
			}
			o := testOptions(nil, memDisk())
			o.HaltWait, o.Backoff, o.Retries, o.ExclusivePrefix = 24*time.Hour, 10*time.Millisecond, 2, false
			var named []string
			o.Problem = func(e *target.Error) {
				if e.Code == target.CodeProbeLeft {
					named = append(named, e.Path)
				}
			}
			store, together := &away{code: target.CodeServerError, lasts: time.Hour, from: c.away}, true
			f.hook = func(n int, call, key string) (bool, error) {
				began := store.since.IsZero()
				apply, err := store.hook(n, call, key)
				switch {
				case err != nil && began && c.apply:
					return true, target.Unknown(target.NewError(target.CodeConnectionLost, key, "no answer", nil))
				case err != nil:
					return apply, err
				case together && names(call, key, "put"): // the group alone, and once
					together = false
					return false, target.NewError(target.CodeAccessDenied, key, "not this key", nil)
				case c.other != nil && !began && c.other(call, key) != nil: // before that it lists, and has answered
					return false, c.other(call, key)
				}
				return true, nil
			}
			res, err := Run(t.Context(), s, f, o)
			f.hook = nil
			if err != nil || !res.Complete || store.since.IsZero() {
				t.Fatalf("%s: %v, %+v", name, err, res)
			}
			if len(named) != c.named {
				t.Errorf("%s: named %q", name, named)
			}
			if c.named > 0 {
				clear(f.uploads)
			}
			f.check(t, s, "in/")
		})
	}
}
