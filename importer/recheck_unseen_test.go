package importer

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// deny refuses every call for a key.
func deny(code target.Code, which func(key string) bool) func(int, string, string) (bool, error) {
	return func(_ int, call, key string) (bool, error) {
		if which(key) {
			return false, target.NewError(code, key, "", nil)
		}
		return true, nil
	}
}

// storedKeys are the keys of entries, sorted.
func storedKeys(f *fakeTarget) []string {
	keys := slices.Sorted(maps.Keys(f.objects))
	return slices.DeleteFunc(keys, func(key string) bool { return !ours(key) || strings.Contains(key, JournalPrefix) })
}

// TestRecheckOfRefusedKeys: objects that the target does not show any more, one or most of
// them, stop no later start while others, or the run's marker, are shown.
func TestRecheckOfRefusedKeys(t *testing.T) {
	for _, code := range []target.Code{target.CodeAccessDenied, target.CodePolicyDenied, target.CodeCredentialsRefused, target.CodeNotS3, target.CodeRefused, target.CodeServerError} {
		for _, refused := range []int{1, 100} { // the first so many
			for _, ended := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s of %d, ended %v", code, refused, ended), func(t *testing.T) {
					s, f, disk := manyFiles(200), newFake(t), memDisk()
					o := testOptions(t, disk)
					if ended {
						mustRun(t, s, f, o)
					} else {
						stopAfter(t, s, f, o, 150)
					}
					if refused > 1 && ended && code == target.CodeServerError {
						return // so many faults, and nothing else that is shown, are the target's
					}
					stored := storedKeys(f)
					f.hook = deny(code, func(key string) bool { return slices.Contains(stored[:refused], key) })
					res := mustRun(t, s, f, o)
					c := res.Recheck
					if !res.Complete || c == nil || c.Size >= c.Population || c.Size+c.AtMost != c.Population {
						t.Errorf("%+v, %+v", res, c)
					}
				})
			}
		}
	}
}

// TestRecheckOfNothingShown: where the target shows neither an object nor the marker, the
// refusal is the run's, and nothing is sent; where the marker is shown, it is the object's.
func TestRecheckOfNothingShown(t *testing.T) {
	for _, code := range []target.Code{target.CodePolicyDenied, target.CodeCredentialsRefused, target.CodeServerError} {
		for _, n := range []int{1, 20} {
			s, f, disk := manyFiles(40), newFake(t), memDisk()
			o := testOptions(t, disk)
			stopAfter(t, s, f, o, n)
			before, stored := len(f.objects), storedKeys(f)
			f.hook = deny(code, func(string) bool { return true })
			if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, code) || len(f.objects) != before {
				t.Errorf("%s: %v", code, err)
			}
			f.hook = deny(code, func(key string) bool { return slices.Contains(stored, key) })
			if res := mustRun(t, s, f, o); !res.Complete {
				t.Errorf("%s, the marker is shown: %+v", code, res)
			}
		}
	}
}

// TestRecheckSeesTheEnd: a target that shows nothing any more in the middle of the look is
// found out.
func TestRecheckSeesTheEnd(t *testing.T) {
	s, f, disk := manyFiles(400), newFake(t), memDisk()
	mustRun(t, s, f, testOptions(t, disk))
	shown, denied := 0, 0
	f.hook = func(_ int, call, key string) (bool, error) {
		if shown++; shown > 50 {
			denied++
			return false, target.NewError(target.CodePolicyDenied, key, "", nil)
		}
		return true, nil
	}
	if _, err := Run(t.Context(), s, f, testOptions(t, disk)); !target.HasCode(err, target.CodePolicyDenied) || denied > 200 {
		t.Errorf("%v, %d calls", err, denied)
	}
}

// TestRecheckRenewedIsRefused: a run that waits for its operator is not ended by what the
// target says of objects, with credentials that are not yet the right ones.
func TestRecheckRenewedIsRefused(t *testing.T) {
	s, f := manyFiles(40), newFake(t)
	to := &renewing{fakeTarget: f}
	var puts atomic.Int64
	f.hook = func(_ int, call, key string) (bool, error) {
		switch n := to.renewed.Load(); {
		case call == "put" && ours(key) && puts.Add(1) > 20 && n < 3:
			return false, target.NewError(target.CodeCredentialsExpired, "", "", nil)
		case n == 1 && (call == "head" || call == "get"):
			return false, target.NewError(target.CodeRefused, key, "status 400", nil)
		case n == 2 && call == "head" && strings.HasSuffix(key, "3"):
			return false, target.NewError(target.CodeRefused, key, "status 400", nil)
		}
		return true, nil
	}
	o := patient(t, memDisk())
	o.HaltWait = time.Minute
	if res := mustRun(t, s, to, o); !res.Complete {
		t.Errorf("%+v", res)
	}
	f.check(t, s, "in/")
}
