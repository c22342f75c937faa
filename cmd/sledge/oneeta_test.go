package main

import (
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/statefolder"
)

// TestOneETA: the line of an import says what "import status" says of the same moment,
// whatever the line itself could have measured.
func TestOneETA(t *testing.T) {
	now := time.Unix(1000, 0)
	m := (&app{now: func() time.Time { return now }, quiet: true}).meter("import")
	p := status.Progress{TotalBytes: 1 << 40, TotalEntries: 100, State: request.StateRunning,
		Pace: status.Pace{BytesPerSecond: 3 << 20, EntriesPerSecond: 7, Left: 95 * time.Second}}
	for range 3 {
		p.Bytes += 1 << 20
		now = now.Add(time.Second)
		m.Tell(importSample(p))
	}
	var st strings.Builder
	(&statefolder.Status{AtWork: true, Status: status.Status{State: p.State, Progress: p, BytesPerSecond: p.Pace.BytesPerSecond,
		EntriesPerSecond: p.Pace.EntriesPerSecond, ETASeconds: int64(p.Pace.Left / time.Second)}}).Print(&st)
	line := m.Line(importSample(p))
	for _, pair := range [][2]string{{"3.0 MiB/s", "3.0 MiB/s"}, {"1m35s left", "about 1m35s"}} {
		if !strings.Contains(line, pair[0]) || !strings.Contains(st.String(), pair[1]) {
			t.Errorf("the line says %q, the status\n%s", line, &st)
		}
	}
}

// TestSampleOfHours: outside of its hours the line of a run says when it goes on.
func TestSampleOfHours(t *testing.T) {
	opens := time.Date(2026, 3, 4, 19, 0, 0, 0, time.Local)
	if s := importSample(status.Progress{State: request.StateAsleep, Opens: opens}); s.More != "waiting for its hours, until 19:00" {
		t.Errorf("progress: %s", s.More)
	}
}
