package importer

import (
	"errors"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// TestStartsAreNumbered: each start of a run has its own number, whatever ended the one
// before; the attempt, which names the receipts, counts only what is signed anew.
func TestStartsAreNumbered(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	start := func(number, attempt int, id string) *Result {
		t.Helper()
		res, _ := Run(t.Context(), s, f, o)
		if res == nil || res.Start != number || res.Attempt != attempt || res.RunID != id {
			t.Fatalf("start %d: %+v", number, res)
		}
		return res
	}
	refused := target.NewError(target.CodeNoSuchBucket, "", "", nil)
	f.hook = func(_ int, call, _ string) (bool, error) { return call != "put", refused }
	start(1, 1, "run-1") // halted by the probe
	f.hook = nil
	s.broken["big"] = errors.New("too few shards")
	start(2, 1, "run-1")
	start(3, 2, "run-1.2")
	delete(s.broken, "big")
	if res := start(4, 3, "run-1.3"); !res.Complete {
		t.Fatalf("%+v", res)
	}
	if res := start(5, 3, "run-1.3"); !res.Earlier {
		t.Fatalf("%+v", res)
	}
	o.RunID = "run-2"
	start(1, 1, "run-2")
}

// TestStartsOfOlderJournals: a journal that kept no number has had a start for each attempt.
func TestStartsOfOlderJournals(t *testing.T) {
	for _, c := range []struct {
		h    header
		want int
	}{
		{header{Attempt: 1}, 1},
		{header{Attempt: 1, Begun: true}, 2},
		{header{Attempt: 3, Begun: true}, 4},
		{header{Attempt: 1, Starts: 1}, 2},
		{header{Attempt: 4, Starts: 2, Begun: true}, 5},
	} {
		j, err := openJournal(stateOf(memDisk()), "")
		if err != nil {
			t.Fatal(err)
		}
		r := &run{header: c.h, journal: j}
		if err := r.countStart(); err != nil || r.startNumber() != c.want {
			t.Errorf("%+v: start %d, %v", c.h, r.startNumber(), err)
		}
		var kept header
		if _, err := j.load(headerKey, &kept); err != nil || kept.Starts != c.want {
			t.Errorf("%+v: kept %d, %v", c.h, kept.Starts, err)
		}
		if err := j.close(); err != nil {
			t.Fatal(err)
		}
	}
}
