package importer

import (
	"context"
	"math/rand"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestNewRunCrash kills a later run at every call and starts it again.
func TestNewRunCrash(t *testing.T) {
	s, done, base := mixed(), false, memDisk()
	for n := 1; !done; n++ {
		rng := rand.New(rand.NewSource(int64(n)))
		f, disk := newFake(t), base.CrashClone(rng, 0)
		mustRun(t, s, f, testOptions(nil, disk))
		delete(f.objects, "in/a")
		delete(f.objects, "in/big")
		o := testOptions(nil, disk)
		o.RunID, o.Retries = "run-2", 1
		var clone *vfs.Mem
		before := f.calls
		ctx, cancel := context.WithCancel(context.Background())
		f.hook = func(at int, call, key string) (bool, error) {
			if at-before < n {
				return true, nil
			}
			if clone == nil {
				clone = disk.CrashClone(rng, rng.Intn(101))
				cancel()
			}
			return n%2 == 0, target.Unknown(target.NewError(target.CodeConnectionLost, "", "killed", nil))
		}
		Run(ctx, s, f, o)
		cancel()
		if done = clone == nil; done {
			break
		}
		f.hook = nil
		o = testOptions(nil, clone)
		o.RunID = "run-2"
		res := mustRun(t, s, f, o)
		if !res.Complete || res.Receipts != "runs/run-2/receipts" || res.Tally.Outcomes[entry.OutcomeStored]+res.Tally.Outcomes[entry.OutcomeAlreadyThere] != 8 {
			t.Fatalf("killed at call %d: %+v", n, res)
		}
		f.check(t, s, "in/")
		o.RunID = "run-1"
		if res := mustRun(t, s, f, o); !res.Earlier {
			t.Fatalf("killed at call %d: the first run is gone: %+v", n, res)
		}
	}
}

// TestFaults fails every single call in turn, applied or not, in every way that
// a network can, and expects the run to end complete all the same.
func TestFaults(t *testing.T) {
	t.Run("answers", func(t *testing.T) { testFaults(t, false) })
	t.Run("silent", func(t *testing.T) { testFaults(t, true) })
}

func testFaults(t *testing.T, silent bool) {
	s := mixed()
	faults := map[string]*target.Error{
		"lost":      target.Unknown(target.NewError(target.CodeConnectionLost, "", "reset", nil)),
		"server":    target.Unknown(target.NewError(target.CodeServerError, "", "status 500", nil)),
		"throttled": target.NewError(target.CodeThrottled, "", "status 503", nil),
		"absent":    target.NewError(target.CodeTargetAbsent, "", "connection refused", nil),
	}
	total := newFake(t)
	total.silent = silent
	mustRun(t, s, total, testOptions(nil, memDisk()))
	for name, fault := range faults {
		for n := 1; n <= total.calls; n++ {
			if testing.Short() && n%5 != 0 {
				continue
			}
			apply := n%2 == 0 && name != "absent"
			f := newFake(t)
			f.silent = silent
			f.hook = func(at int, call, key string) (bool, error) {
				if at == n {
					// "Slow down" is S3's word that nothing was begun.
					return apply && !(call == "create" && name == "throttled"), fault
				}
				return true, nil
			}
			res, err := Run(context.Background(), s, f, testOptions(nil, memDisk()))
			if err != nil || !res.Complete {
				t.Errorf("%s at call %d (applied %v): %v, %+v", name, n, apply, err, res)
				continue
			}
			f.check(t, s, "in/")
			if t.Failed() {
				t.Fatalf("%s at call %d (applied %v)", name, n, apply)
			}
		}
	}
}

// TestCrash kills the importer at every call, the state folder with it, and
// starts it again.
func TestCrash(t *testing.T) {
	t.Run("answers", func(t *testing.T) { testCrash(t, false) })
	t.Run("silent", func(t *testing.T) { testCrash(t, true) })
}

func testCrash(t *testing.T, silent bool) {
	s := mixed()
	total := newFake(t)
	total.silent = silent
	mustRun(t, s, total, testOptions(nil, memDisk()))
	for n := 1; n <= total.calls+2; n++ {
		for _, apply := range []bool{false, true} {
			if testing.Short() && n%5 != 0 {
				continue
			}
			rng := rand.New(rand.NewSource(int64(n)))
			disk, f := memDisk(), newFake(t)
			f.silent = silent
			var clone *vfs.Mem
			ctx, cancel := context.WithCancel(context.Background())
			f.hook = func(at int, call, key string) (bool, error) {
				if at < n {
					return true, nil
				}
				if at == n {
					clone = disk.CrashClone(rng, rng.Intn(101))
					cancel()
					return apply, target.Unknown(target.NewError(target.CodeConnectionLost, "", "killed", nil))
				}
				return false, target.Unknown(target.NewError(target.CodeConnectionLost, "", "dead", nil))
			}
			o := testOptions(nil, disk)
			o.Retries = 1
			Run(ctx, s, f, o)
			cancel()
			if clone == nil {
				clone = disk.CrashClone(rng, 0)
			}
			for _, u := range f.uploads {
				for i, p := range u.parts {
					p.lost = false
					u.parts[i] = p
				}
			}
			f.hook = nil
			res, err := Run(context.Background(), s, f, testOptions(nil, clone))
			if err != nil || !res.Complete || res.Tally.Outcomes[entry.OutcomeStored] != 8 {
				t.Fatalf("killed at call %d (applied %v), then: %v, %+v", n, apply, err, res)
			}
			f.check(t, s, "in/")
			if t.Failed() {
				t.Fatalf("killed at call %d (applied %v)", n, apply)
			}
		}
	}
}

// TestPartsAreKept stops in the middle of an upload: the parts that are there
// are listed and not sent again.
func TestPartsAreKept(t *testing.T) {
	s, f, disk := newSource(), newFake(t), memDisk()
	s.file("big", pattern(3, 100<<20))
	parts := 0
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	f.hook = func(n int, call, key string) (bool, error) {
		if call == "part" && !strings.Contains(key, probe.Prefix) {
			if parts++; parts == 4 {
				cancel()
			}
		}
		return true, nil
	}
	res, err := Run(ctx, s, f, testOptions(t, disk))
	if err == nil || !res.Interrupted || res.ExitClass() != ExitInterrupted {
		t.Fatalf("cancelled run: %v, %+v", err, res)
	}
	sent := parts
	f.hook = nil
	res = mustRun(t, s, f, testOptions(t, disk))
	if res.PartsKept != int64(sent) || sent >= 7 || f.byCall["part"] != 7+3+3 {
		t.Errorf("%d parts were sent before, %d kept, %d part calls in all", sent, res.PartsKept, f.byCall["part"])
	}
	f.check(t, s, "in/")
}

// TestWireCorruptOnce is cured by one more sending.
func TestWireCorruptOnce(t *testing.T) {
	s, f := mixed(), newFake(t)
	done := false
	f.hook = func(n int, call, key string) (bool, error) {
		if key == "in/big" && call == "part" && !done {
			done = true
			return false, target.NewError(target.CodeDigestRefused, "", "BadDigest", nil)
		}
		return true, nil
	}
	if res := mustRun(t, s, f, testOptions(t, memDisk())); !res.Complete || res.Retries != 1 {
		t.Errorf("result %+v", res)
	}
	f.check(t, s, "in/")
}

func TestFixable(t *testing.T) {
	for _, code := range []target.Code{target.CodeCredentialsRefused, target.CodeNoSuchBucket, target.CodeAccessDenied, target.CodeTargetAbsent, target.CodeTargetFull} {
		for _, at := range []int{1, 25} {
			s, f, disk := mixed(), newFake(t), memDisk()
			f.hook = func(n int, call, key string) (bool, error) {
				if n >= at {
					return false, target.NewError(code, "", "", nil)
				}
				return true, nil
			}
			o := testOptions(nil, disk)
			o.Retries = 2
			res, err := Run(context.Background(), s, f, o)
			if at == 1 && code == target.CodeAccessDenied {
				at = 3 // the probe's clean-up bears it
			}
			if err == nil || res == nil || res.Halt == nil || res.Halt.Code != code || res.ExitClass() != ExitFixable || res.Receipts != "" {
				t.Errorf("%s at %d: %v, %+v", code, at, err, res)
				continue
			}
			f.hook = nil
			if res := mustRun(t, s, f, testOptions(nil, disk)); !res.Complete {
				t.Errorf("%s at %d: after the fix: %+v", code, at, res)
			}
			f.check(t, s, "in/")
		}
	}
}

// TestOneObjectNeverAnswers leaves one entry without outcome; no receipt is
// written, and the next start brings it.
func TestOneObjectNeverAnswers(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	f.hook = func(n int, call, key string) (bool, error) {
		if key == "in/dir/d" && call == "put" {
			return false, target.Unknown(target.NewError(target.CodeServerError, "", "status 500", nil))
		}
		return true, nil
	}
	o := testOptions(t, disk)
	o.Retries = 2
	res := mustRun(t, s, f, o)
	if res.Unfinished != 1 || res.Complete || res.ExitClass() != ExitFixable || res.Receipts != "" || res.Tally.Outcomes[entry.OutcomeStored] != 7 {
		t.Errorf("result %+v", res)
	}
	f.hook = nil
	if res := mustRun(t, s, f, o); !res.Complete {
		t.Errorf("second start: %+v", res)
	}
}
