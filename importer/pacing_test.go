package importer

import (
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestTimeLeft: the slower of bytes and entries decides, and nothing is made up.
func TestTimeLeft(t *testing.T) {
	for _, c := range []struct {
		bytes, entries      int64
		byteRate, entryRate float64
		want                time.Duration
	}{
		{0, 0, 0, 0, 0},
		{100, 10, 10, 10, 10 * time.Second},
		{100, 1000, 10, 10, 100 * time.Second},
		{100, 10, 10, 0, 10 * time.Second}, // one large file is on its way
		{100, 10, 0, 10, 0},                // bytes are left, and none comes
		{0, 10, 0, 5, 2 * time.Second},
		{-5, -5, 10, 10, 0},
		{15, 0, 10, 0, 2 * time.Second},
		{math.MaxInt64, 1, 1e-9, 1, 1000 * 24 * time.Hour},
	} {
		if got := TimeLeft(c.bytes, c.entries, c.byteRate, c.entryRate); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// TestOnePace: what the run's own line is given is what status.json has.
func TestOnePace(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	now := time.Unix(1e9, 0)
	o.Now = func() time.Time { return now }
	o.StatusEvery = time.Hour
	var told Progress
	o.Progress = func(p Progress) { told = p }
	j, err := openJournal(o.StateDir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer j.close()
	r := &run{opts: o, source: s, target: f, calls: request.New(o.calls(), nil), journal: j}
	r.teller = &teller{run: r}
	r.progress.totalBytes, r.progress.totalEntries = 1000, 100
	for i := range 3 {
		r.progress.bytes.Store(int64(100 * i))
		r.progress.entries.Store(uint64(i))
		r.teller.tell("")
		text, err := vfs.ReadFile(disk, StatusName, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var was Status
		if err := json.Unmarshal(text, &was); err != nil {
			t.Fatal(err)
		}
		if got := (Pace{was.BytesPerSecond, was.EntriesPerSecond, time.Duration(was.ETASeconds) * time.Second}); got != told.Pace {
			t.Errorf("status.json has %+v, the line %+v", got, told.Pace)
		}
		now = now.Add(10 * time.Second)
	}
	if want := (Pace{10, 0.1, 980 * time.Second}); told.Pace != want {
		t.Errorf("%+v instead of %+v", told.Pace, want)
	}
	if p := r.teller.rates.pace(Progress{State: request.StatePaused, TotalBytes: 1000}); p.Left != 0 {
		t.Errorf("a run that pauses ends in %v", p.Left)
	}
}
