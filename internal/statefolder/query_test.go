package statefolder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/internal/advice"
)

// TestSteerOfGone: a process that ends after it was asked is not waited for, and a pause that
// nobody heard does not hold the next start.
func TestSteerOfGone(t *testing.T) {
	host, _ := os.Hostname()
	state := stateWith(t, importer.Status{State: request.StateRunning, Host: host, PID: deadProcess(t), Updated: time.Now().Add(-2500 * time.Millisecond)})
	began := time.Now()
	_, err := (&Query{}).Steer(context.Background(), state, time.Now, importer.WantPause, func(request.State) bool { return false })
	if !errors.Is(err, ErrNoRun) || errors.Is(err, ErrSilent) || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	var asked importer.Control
	if text, err := os.ReadFile(filepath.Join(state, importer.ControlName)); err != nil || json.Unmarshal(text, &asked) != nil || asked.Want != importer.WantRun {
		t.Errorf("the next start is asked for %q, %v", asked.Want, err)
	}
}

// TestSteerOfEnded: what can be done about a run that nobody works on depends on how it ended.
func TestSteerOfEnded(t *testing.T) {
	for end, want := range map[request.State]string{
		request.StateCanceled: "--run-id",
		request.StateDone:     "nothing is left to do",
		request.StateErrors:   "sledge import retry",
		request.StateStopped:  "the same sledge import run goes on",
		request.StateTaken:    "the process that has taken it over",
	} {
		state := stateWith(t, importer.Status{State: end, Updated: time.Now()})
		_, err := (&Query{}).Steer(context.Background(), state, time.Now, importer.WantRun, func(request.State) bool { return false })
		var advised *advice.Hinted
		if !errors.Is(err, ErrNoRun) || !errors.As(err, &advised) || !strings.Contains(strings.Join(advised.Hints, " "), want) {
			t.Errorf("%s: %v", end, err)
		}
	}
}

// TestSteerPastUnreadableStatus: a status that a power cut has left empty keeps nobody from
// the other runs of the folder. It is warned of, once a command.
func TestSteerPastUnreadableStatus(t *testing.T) {
	host, _ := os.Hostname()
	now := time.Now()
	state := stateWith(t, importer.Status{Host: host, PID: os.Getpid(), State: request.StatePaused, Updated: now})
	run := filepath.Join(state, importer.RunsFolder, "run-0")
	if err := errors.Join(os.MkdirAll(run, 0o755), os.WriteFile(filepath.Join(run, importer.StatusName), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	f := &Query{Warn: func(format string, args ...any) { fmt.Fprintf(&errs, format+"\n", args...) }}
	s, err := f.Status(state, now)
	if err != nil || s.Run != "run-1" || strings.Count(errs.String(), "run-0") != 2 || !strings.Contains(errs.String(), "cannot be read") {
		t.Errorf("%v, %v, %q", s, err, errs.String())
	}
	f.Run = "run-0"
	_, err = f.Status(state, now)
	if !errors.Is(err, ErrNoRun) || !strings.Contains(err.Error(), "runs/run-0/status.json") {
		t.Errorf("the unreadable one itself: %v", err)
	}
}
