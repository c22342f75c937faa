package importer

import (
	"context"
	"encoding/json"
	"math/rand"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestStatusIsDurable: every entry that status.json, or Progress, has counted is in the
// journal that a loss of power leaves, and so in the copy that a takeover of a frozen
// process makes.
func TestStatusIsDurable(t *testing.T) {
	const most = 20
	s, f, disk := manyFiles(most+1), newFake(t), memDisk()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var told uint64
	o := testOptions(t, disk)
	o.StatusEvery, o.Concurrency = time.Millisecond, 1
	o.Progress = func(p status.Progress) {
		var was status.Status
		text, err := vfs.ReadFile(disk, status.Name, 1<<20)
		if err == nil {
			err = json.Unmarshal(text, &was)
		}
		if err != nil {
			t.Error(err)
		}
		told = max(p.Entries, was.Progress.Entries)
		if kept := outcomesAfterCrash(t, disk); kept < told {
			t.Errorf("%d entries are told as done, the journal has %d", told, kept)
		}
		if told == most {
			stop()
		}
	}
	puts := 0
	f.hook = func(_ int, call, key string) (bool, error) {
		if ours(key) && call == "put" {
			if puts++; puts > most { // all others are done by now: the run waits to tell of them
				<-ctx.Done()
			}
		}
		return true, nil
	}
	if _, err := Run(ctx, s, f, o); err == nil || told < most {
		t.Errorf("%v, %d told", err, told)
	}
}

// nearlyFull is a disk that can be found too full for the journal.
type nearlyFull struct {
	*vfs.Mem
	full atomic.Bool
}

func (n *nearlyFull) Free() (free, total int64, err error) {
	if n.full.Load() {
		return minFree - 1, 1 << 30, nil
	}
	return n.Mem.Free()
}

// told is what status.json tells: by its counts, and by its outcomes.
func told(t *testing.T, disk vfs.FS) (most uint64) {
	t.Helper()
	var was status.Status
	text, err := vfs.ReadFile(disk, status.Name, 1<<20)
	if err == nil {
		err = json.Unmarshal(text, &was)
	}
	if err != nil {
		t.Error(err)
	}
	for _, n := range was.Outcomes {
		most += n
	}
	return max(most, was.Progress.Entries)
}

// TestStatusOfFullJournal: where the journal takes no more, what it has not for certain is not
// told as done.
func TestStatusOfFullJournal(t *testing.T) {
	s, f, disk := manyFiles(20), newFake(t), &nearlyFull{Mem: memDisk()}
	j, err := openJournal(Alone(disk), "")
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	o := testOptions(t, disk)
	o.StatusEvery = time.Second
	r, _, err := newRun(t.Context(), s, f, o)
	if err != nil {
		t.Fatal(err)
	}
	r.journal = j
	var progress status.Progress
	r.opts.Progress = func(p status.Progress) { progress = p }
	end := func(n int) {
		e := entry.Entry{Page: 0, Record: s.entries[n].Record}
		if err := j.setOutcome(entry.PlaceOf(0, n), record{Outcome: entry.OutcomeStored}); err != nil {
			t.Fatal(err)
		}
		r.count(e, record{Outcome: entry.OutcomeStored})
	}
	check := func(when string, want uint64) {
		t.Helper()
		r.teller.tell("")
		kept := outcomesAfterCrash(t, disk.Mem)
		if said := told(t, disk); said != want || progress.Entries != want || kept < want {
			t.Errorf("%s: told %d, and %d by Progress, the journal has %d", when, said, progress.Entries, kept)
		}
	}
	end(0)
	check("one", 1)
	end(1)
	disk.full.Store(true)
	j.low.Store(true) // it looks at once
	check("full", 1)
	disk.full.Store(false)
	check("room again", 2)
	r.mu.Lock()
	r.tally = entry.NewTally()
	r.mu.Unlock()
	r.progress.Entries.Store(0) // a page is healed: it is counted anew
	end(2)
	end(3)
	check("counted anew", 2)
	if kept := outcomesAfterCrash(t, disk.Mem); kept != 4 {
		t.Errorf("counted anew: the journal has %d of 4", kept)
	}
}

// outcomesAfterCrash counts the entries whose outcomes the journal has for certain.
func outcomesAfterCrash(t *testing.T, disk *vfs.Mem) (n uint64) {
	t.Helper()
	j, err := openJournal(disk.CrashClone(rand.New(rand.NewSource(1)), 0), "")
	if err != nil {
		t.Fatal(err)
	}
	for rows := j.cursor('o', 0); ; {
		var rec record
		_, ok, err := rows.next(&rec)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		n++
	}
	if err := j.close(); err != nil {
		t.Error(err)
	}
	return n
}
