package importer

import (
	"context"
	"os"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

// everyFew is the step of a lane that goes over the calls of a run that publishes all or
// nothing; SLEDGE_LONG takes each.
func everyFew() int {
	if os.Getenv("SLEDGE_LONG") != "" {
		return 1
	}
	return 4
}

func deferredOptions(disk vfs.FS) Options {
	o := testOptions(nil, disk)
	o.DeferComplete = 9
	return o
}

// deferredCalls are those of a whole run in quiet.
func deferredCalls(t *testing.T) int {
	t.Helper()
	f := newFake(t)
	mustRun(t, mixed(), f, deferredOptions(memDisk()))
	return f.calls
}

// TestFaultsDeferred is TestFaults of a run that publishes all or nothing.
func TestFaultsDeferred(t *testing.T) {
	s := mixed()
	faults := []*target.Error{
		target.Unknown(target.NewError(target.CodeConnectionLost, "", "reset", nil)), target.Unknown(target.NewError(target.CodeServerError, "", "status 500", nil)),
		target.NewError(target.CodeThrottled, "", "status 503", nil), target.NewError(target.CodeTargetAbsent, "", "connection refused", nil),
	}
	for n := deferredCalls(t); n > 0; n -= everyFew() {
		fault := faults[n/everyFew()%len(faults)]
		f := newFake(t)
		behindCurtain(f, s)
		f.hook = func(at int, call, _ string) (bool, error) {
			if at == n {
				return n%3 == 0 && fault.Unknown, fault
			}
			return true, nil
		}
		if res, err := Run(context.Background(), s, f, deferredOptions(memDisk())); err != nil || !res.Complete {
			t.Errorf("%v at call %d: %v, %+v", fault, n, err, res)
			continue
		}
		if f.check(t, s, "in/"); t.Failed() {
			t.Fatalf("%v at call %d", fault, n)
		}
	}
}

// TestCrashDeferred is TestCrash of such a run: also in the middle of publishing it goes on,
// and an upload that has vanished meanwhile is sent anew.
func TestCrashDeferred(t *testing.T) {
	s := mixed()
	for n := deferredCalls(t); n > 0; n -= everyFew() {
		rng := newRand(int64(n))
		disk, f := memDisk(), newFake(t)
		behindCurtain(f, s)
		var clone *vfs.Mem
		ctx, cancel := context.WithCancel(context.Background())
		f.hook = func(at int, _, _ string) (bool, error) {
			if at < n {
				return true, nil
			}
			if clone == nil {
				clone = disk.CrashClone(rng, rng.Intn(101))
				cancel()
				return n%3 == 0, target.Unknown(target.NewError(target.CodeConnectionLost, "", "killed", nil))
			}
			return false, target.Unknown(target.NewError(target.CodeConnectionLost, "", "dead", nil))
		}
		Run(ctx, s, f, deferredOptions(disk))
		cancel()
		if clone == nil {
			continue // its workers took another order, with fewer calls
		}
		for id, u := range f.uploads {
			for i, p := range u.parts {
				p.lost = true
				u.parts[i] = p
			}
			if n%2 == 0 && ours(u.key) {
				delete(f.uploads, id)
				break
			}
		}
		f.hook = nil
		if res, err := Run(context.Background(), s, f, deferredOptions(clone)); err != nil || !res.Complete || res.Tally.Outcomes[entry.OutcomeStored] != 8 {
			t.Fatalf("killed at call %d, then: %v, %+v", n, err, res)
		}
		if f.check(t, s, "in/"); t.Failed() {
			t.Fatalf("killed at call %d", n)
		}
	}
}

// TestTakeOverFrozenDeferred takes such a run over, in its folder, from a process that is
// frozen at one of its calls.
func TestTakeOverFrozenDeferred(t *testing.T) {
	s, step := mixed(), 3*everyFew()
	for n := deferredCalls(t) - 1; n > 0; n -= step {
		dir, f := t.TempDir(), newFake(t)
		f.twoWriters = true
		behindCurtain(f, s)
		z := newFreezing(f, n, n%2 == 0)
		first := runIn(t, s, z, func() (*Folder, error) { return OpenState(dir) })
		select {
		case <-z.frozen:
		case <-first:
			continue // its workers took another order, or the call is one that does not freeze
		}
		end := <-runIn(t, s, f, func() (*Folder, error) { return TakeOver(t.Context(), dir, 0) })
		close(z.thaw)
		if end.err != nil || !end.res.Complete || end.res.Attempt != 2 {
			t.Fatalf("frozen at call %d, the second process: %v, %+v", n, end.err, end.res)
		}
		if was := <-first; !target.HasCode(was.err, target.CodeTakenOver) {
			t.Errorf("the first process, once awake: %v, %+v", was.err, was.res)
		}
		if f.check(t, s, "in/"); t.Failed() {
			t.Fatalf("frozen at call %d", n)
		}
	}
}

func runIn(t *testing.T, s entry.Source, target target.Target, open func() (*Folder, error)) chan ended {
	t.Helper()
	state, err := open()
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan ended, 1)
	go func() {
		res, err := Run(context.Background(), s, target, deferredOptions(state))
		state.Close()
		end <- ended{res, err}
	}()
	return end
}

// TestHeldUploadsGone: a lifecycle rule ends all uploads between two starts. They are sent
// anew before anything shows.
func TestHeldUploadsGone(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	c := behindCurtain(f, s)
	parts := 0
	ctx, cancel := context.WithCancel(context.Background())
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "part" && ours(key) {
			if parts++; parts == 6 {
				cancel()
			}
		}
		return true, nil
	}
	Run(ctx, s, f, deferredOptions(disk))
	if parts < 6 || c.raised {
		t.Fatalf("stopped after %d parts, published %v", parts, c.raised)
	}
	for id, u := range f.uploads {
		if ours(u.key) {
			delete(f.uploads, id)
		}
	}
	if res := mustRun(t, s, f, deferredOptions(disk)); !res.Complete {
		t.Errorf("%+v", res)
	}
	f.check(t, s, "in/")
}
