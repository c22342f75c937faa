package importer

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// unseenYet hides keys for a number of looks, as a store or a cache before it does that lags
// behind the writes. It returns how many looks it has answered so.
func unseenYet(f *fakeTarget, looks int, which func(key string) bool) (answered *int) {
	answered = new(int)
	f.hook = func(_ int, call, key string) (bool, error) {
		if (call == "head" || call == "get") && which(key) && *answered < looks {
			*answered++
			return false, target.NotFound(key)
		}
		return true, nil
	}
	return answered
}

// TestRecheckLags: a start within moments of the one before waits for what the target does
// not show yet, and only then says that it is gone. What was written long ago is gone at once.
func TestRecheckLags(t *testing.T) {
	for _, c := range []struct {
		name  string
		looks int
		later time.Duration
		gone  bool
	}{
		{"a moment", 6, 0, false},
		{"for ever", 1 << 30, 0, true},
		{"an hour later", 6, time.Hour, true},
		{"a clock set back by an hour", 6, -time.Hour, true},
	} {
		s, f, disk := manyFiles(40), newFake(t), memDisk()
		o, now := testOptions(t, disk), time.Now().UTC()
		o.Now = func() time.Time { return now }
		stopAfter(t, s, f, o, 20)
		stored := storedKeys(f)
		last := stored[len(stored)-1]
		answered := unseenYet(f, c.looks, func(key string) bool { return key == last })
		now = now.Add(c.later)
		res, err := Run(t.Context(), s, f, o)
		if c.gone != target.HasCode(err, target.CodeTargetChanged) || !c.gone && (err != nil || !res.Complete) {
			t.Errorf("%s: %v, %+v", c.name, err, res)
		}
		if c.gone && c.later != 0 && *answered != 2 || *answered > 200 {
			t.Errorf("%s: asked %d times", c.name, *answered)
		}
	}
}

// TestRecheckLagIsShared: however many objects are not shown yet, the start waits for them
// together.
func TestRecheckLagIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, f, disk := manyFiles(400), newFake(t), memDisk()
		o := testOptions(t, disk)
		o.Backoff = 400 * time.Microsecond // 20 ms for all of them
		stopAfter(t, s, f, o, 300)
		unseenYet(f, 1<<30, ours)
		began := time.Now()
		if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeTargetChanged) {
			t.Error(err)
		}
		if took := time.Since(began); took > time.Second { // one after the other: 6 s
			t.Errorf("it took %v", took)
		}
	})
}

// TestCancelLags: a cancel within moments of its run waits for the marker, or for an object or
// an upload, to be shown, and calls nothing gone that is there.
func TestCancelLags(t *testing.T) {
	for _, looks := range []int{1, 4} {
		s, f, disk := manyFiles(40), newFake(t), memDisk()
		o := testOptions(t, disk)
		ctx, stop := context.WithCancel(t.Context())
		f.hook = func(_ int, call, key string) (bool, error) {
			if call != "put" || !ours(key) {
				return true, nil
			}
			stop()
			return false, target.NewError(target.CodeServerError, key, "", nil)
		}
		if _, err := Run(ctx, s, f, o); err == nil || f.ours() > 0 {
			t.Fatalf("%v, %d objects", err, f.ours())
		}
		unseenYet(f, looks, isMarker)
		out, err := Cancel(t.Context(), s, deleting{f}, o, true)
		if err != nil || out.Gone > 0 || f.ours() > 0 {
			t.Errorf("the marker, %d looks: %v, %+v, %d objects", looks, err, out, f.ours())
		}

		s, f, disk = manyFiles(40), newFake(t), memDisk()
		o = testOptions(t, disk)
		stopAfter(t, s, f, o, 20)
		had := f.ours()
		unseenYet(f, looks, ours)
		out, err = Cancel(t.Context(), s, deleting{f}, o, true)
		if err != nil || out.Gone > 0 || int(out.Deleted) != had {
			t.Errorf("objects, %d looks: %v, %+v of %d", looks, err, out, had)
		}

		s, f, disk = newSource(), newFake(t), memDisk()
		s.file("a", []byte("a"))
		o = testOptions(t, disk)
		mustRun(t, s, f, o) // it has no marker any more
		unseenYet(f, looks, ours)
		if out, err = Cancel(t.Context(), s, deleting{f}, o, true); err != nil || out.Gone > 0 || out.Deleted != 1 {
			t.Errorf("the one object, %d looks: %v, %+v", looks, err, out)
		}
	}
	s, f, disk := newSource(), newFake(t), memDisk()
	s.file("big", pattern(1, 17<<20))
	o := testOptions(t, disk)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "part" && key == "in/big" {
			stop()
		}
		return true, nil
	}
	if _, err := Run(ctx, s, f, o); err == nil || len(f.uploads) != 1 {
		t.Fatalf("%v, %d uploads", err, len(f.uploads))
	}
	delete(f.objects, "in/"+journalName(s.Scope(), o.RunID)+markerName)
	looks := 0
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "listparts" && looks < 4 {
			looks++
			return false, target.NewError(target.CodeUploadGone, key, "NoSuchUpload", nil)
		}
		return true, nil
	}
	if out, err := Cancel(t.Context(), s, deleting{f}, o, true); err != nil || out.Aborted != 1 || len(f.uploads) > 0 {
		t.Errorf("an upload: %v, %+v", err, out)
	}
}

// TestLagEnds: a start that is stopped while it waits for the target calls nothing gone.
func TestLagEnds(t *testing.T) {
	s, f, disk := manyFiles(40), newFake(t), memDisk()
	o := testOptions(t, disk)
	stopAfter(t, s, f, o, 20)
	o.Backoff = time.Hour
	stored := storedKeys(f)
	ctx, stop := context.WithCancel(t.Context())
	f.hook = func(_ int, call, key string) (bool, error) {
		if slices.Contains(stored, key) {
			stop()
			return false, target.NotFound(key)
		}
		return true, nil
	}
	if res, err := Run(ctx, s, f, o); err == nil || target.HasCode(err, target.CodeTargetChanged) || res != nil && res.Complete {
		t.Errorf("%v, %+v", err, res)
	}
}
