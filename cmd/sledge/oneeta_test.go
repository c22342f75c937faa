package main

import (
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
)

// TestOneETA: the line of an import says what "import status" says of the same moment,
// whatever the line itself could have measured.
func TestOneETA(t *testing.T) {
	now := time.Unix(1000, 0)
	m := (&app{now: func() time.Time { return now }, quiet: true}).meter("import")
	p := importer.Progress{TotalBytes: 1 << 40, TotalEntries: 100, State: importer.StateRunning,
		Pace: importer.Pace{BytesPerSecond: 3 << 20, EntriesPerSecond: 7, Left: 95 * time.Second}}
	for range 3 {
		p.Bytes += 1 << 20
		now = now.Add(time.Second)
		m.tell(importSample(p))
	}
	var status strings.Builder
	(&runStatus{AtWork: true, Status: importer.Status{State: p.State, Progress: p, BytesPerSecond: p.Pace.BytesPerSecond,
		EntriesPerSecond: p.Pace.EntriesPerSecond, ETASeconds: int64(p.Pace.Left / time.Second)}}).Print(&status)
	line := m.line(importSample(p))
	for _, pair := range [][2]string{{"3.0 MiB/s", "3.0 MiB/s"}, {"1m35s left", "about 1m35s"}} {
		if !strings.Contains(line, pair[0]) || !strings.Contains(status.String(), pair[1]) {
			t.Errorf("the line says %q, the status\n%s", line, &status)
		}
	}
}

// TestETAOfSeveral: devices side by side end when all their bytes are there, by all
// their rates; one that has ended adds none.
func TestETAOfSeveral(t *testing.T) {
	c := &crowd{meter: (&app{now: time.Now, quiet: true}).meter("import"), of: 2}
	a, b := c.member(), c.member()
	of := func(rate float64) sample {
		return sample{bytes: 10, totalBytes: 100, pace: &importer.Pace{BytesPerSecond: rate, Left: time.Hour}}
	}
	a.tell(of(10))
	b.tell(of(8))
	if got := *c.meter.pace; got.BytesPerSecond != 18 || got.Left != 10*time.Second {
		t.Errorf("%+v", got)
	}
	a.end()
	b.tell(of(9))
	if got := *c.meter.pace; got.BytesPerSecond != 9 || got.Left != 20*time.Second {
		t.Errorf("after one has ended: %+v", got)
	}
}
