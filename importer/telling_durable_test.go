package importer

import (
	"context"
	"encoding/json"
	"math/rand"
	"testing"
	"time"

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
	o.Progress = func(p Progress) {
		var was Status
		text, err := vfs.ReadFile(disk, StatusName, 1<<20)
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

// outcomesAfterCrash counts the entries whose outcomes the journal has for certain.
func outcomesAfterCrash(t *testing.T, disk *vfs.Mem) (n uint64) {
	t.Helper()
	j, err := openJournal(disk.CrashClone(rand.New(rand.NewSource(1)), 0), "")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := j.cursor('o', 0)
	if err != nil {
		t.Fatal(err)
	}
	for {
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
	if err := rows.close(); err != nil {
		t.Error(err)
	}
	if err := j.close(); err != nil {
		t.Error(err)
	}
	return n
}
