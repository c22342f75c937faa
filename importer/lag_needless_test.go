package importer

import (
	"testing"
	"time"
)

// counted are the naps of a wait.
func counted(naps *int) func(time.Duration) <-chan time.Time {
	return func(time.Duration) <-chan time.Time {
		*naps++
		now := make(chan time.Time, 1)
		now <- time.Time{}
		return now
	}
}

// TestCancelAgainWaitsNot: a cancel does not wait for the marker that one before it has
// removed, moments after the run wrote it.
func TestCancelAgainWaitsNot(t *testing.T) {
	s, f, disk := manyFiles(10), newFake(t), memDisk()
	o, naps := testOptions(t, disk), 0
	o.StatusEvery = time.Millisecond // which tells that the run has ended in order
	stopAfter(t, s, f, o, 5)
	o.After = counted(&naps)
	for _, remove := range []bool{false, true} {
		out, err := Cancel(t.Context(), s, deleting{f}, o, remove)
		if err != nil || out.Left+out.Deleted < 5 || naps > 0 {
			t.Errorf("remove %v: %d naps: %v, %+v", remove, naps, err, out)
		}
	}
}

// TestEmptiedWaitsNot: what the operator has removed is not waited for, its marker and its
// uploads included.
func TestEmptiedWaitsNot(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o, naps := testOptions(t, disk), 0
	halfway(t, s, f, o)
	clear(f.objects)
	clear(f.uploads)
	o.Emptied, o.After = true, counted(&naps)
	if out, err := Cancel(t.Context(), s, deleting{f}, o, true); err != nil || out.Gone == 0 || naps > 0 {
		t.Errorf("%d naps: %v, %+v", naps, err, out)
	}
}
