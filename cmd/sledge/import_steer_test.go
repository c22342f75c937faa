package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
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
			Halt: &importer.Halt{Code: target.CodeCredentialsExpired, Cause: "status 403", Remedy: "renew them", Since: since}}}
		var out bytes.Buffer
		r.Print(&out)
		if line := "needs you   credentials-expired: status 403 " + want + "\n            renew them\n"; !strings.Contains(out.String(), line) {
			t.Errorf("no %q in\n%s", line, &out)
		}
	}
}

// TestSteerPastUnreadableStatus: a status that a power cut has left empty keeps nobody from
// the other runs of the folder. It is warned of, once a command.
func TestSteerPastUnreadableStatus(t *testing.T) {
	host, _ := os.Hostname()
	now := time.Now()
	state := stateWith(t, importer.Status{Host: host, PID: os.Getpid(), State: importer.StatePaused, Updated: now})
	run := filepath.Join(state, importer.RunsFolder, "run-0")
	if err := errors.Join(os.MkdirAll(run, 0o755), os.WriteFile(filepath.Join(run, importer.StatusName), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	a := &app{err: &errs, now: func() time.Time { return now }}
	f := &steerFlags{warn: a.warn}
	s, err := f.status(state, now)
	if err != nil || s.Run != "run-1" || strings.Count(errs.String(), "run-0") != 2 || !strings.Contains(errs.String(), "cannot be read") {
		t.Errorf("%v, %v, %q", s, err, errs.String())
	}
	f.runID = "run-0"
	_, err = f.status(state, now)
	if !errors.Is(err, errNoRun) || !strings.Contains(err.Error(), "runs/run-0/status.json") {
		t.Errorf("the unreadable one itself: %v", err)
	}
}
