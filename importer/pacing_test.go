package importer

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestOnePace: what the run's own line is given is what status.json has.
func TestOnePace(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	now := time.Unix(1e9, 0)
	o.Now = func() time.Time { return now }
	o.StatusEvery = time.Hour
	var told status.Progress
	o.Progress = func(p status.Progress) { told = p }
	j, err := openJournal(o.StateDir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	r := &run{opts: o, source: s, target: f, calls: request.New(o.calls(), nil), journal: j}
	r.teller = &teller{run: r}
	r.progress.TotalBytes, r.progress.TotalEntries = 1000, 100
	for i := range 3 {
		r.progress.Bytes.Store(int64(100 * i))
		r.progress.Entries.Store(uint64(i))
		r.teller.tell("")
		text, err := vfs.ReadFile(disk, status.Name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var was status.Status
		if err := json.Unmarshal(text, &was); err != nil {
			t.Fatal(err)
		}
		if got := (status.Pace{BytesPerSecond: was.BytesPerSecond, EntriesPerSecond: was.EntriesPerSecond, Left: time.Duration(was.ETASeconds) * time.Second}); got != told.Pace {
			t.Errorf("status.json has %+v, the line %+v", got, told.Pace)
		}
		now = now.Add(10 * time.Second)
	}
	if want := (status.Pace{BytesPerSecond: 10, EntriesPerSecond: 0.1, Left: 980 * time.Second}); told.Pace != want {
		t.Errorf("%+v instead of %+v", told.Pace, want)
	}
	if p := r.teller.rates.Pace(status.Progress{State: request.StatePaused, TotalBytes: 1000}); p.Left != 0 {
		t.Errorf("a run that pauses ends in %v", p.Left)
	}
}
