package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
)

// TestStatusOfHalt: whoever looks at a run that waits is told why and since when, with
// the day where the hour alone may be yesterday's.
func TestStatusOfHalt(t *testing.T) {
	now := time.Date(2026, 3, 5, 9, 30, 0, 0, time.Local)
	for since, want := range map[time.Time]string{
		now.Add(-9*time.Hour - 45*time.Minute): "(since 23:45:00)",
		now.Add(-26 * time.Hour):               "(since 2026-03-04 07:30:00)",
	} {
		r := runStatus{AtWork: true, Status: importer.Status{Run: "run-1", State: importer.StateHalted, Updated: now,
			Halt: &importer.Halt{Code: importer.CodeCredentialsExpired, Cause: "status 403", Remedy: "renew them", Since: since}}}
		var out bytes.Buffer
		r.print(&out)
		if line := "needs you   credentials-expired: status 403 " + want + "\n            renew them\n"; !strings.Contains(out.String(), line) {
			t.Errorf("no %q in\n%s", line, &out)
		}
	}
}
