package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
)

// TestStatusOfWaitingMarker: a run whose commit marker waits is at work, and says with what.
func TestStatusOfWaitingMarker(t *testing.T) {
	host, _ := os.Hostname()
	state := stateWith(t, importer.Status{State: importer.StateAsleep, Waits: "commit marker", Host: host, PID: os.Getpid(), Updated: time.Now()})
	s, err := (&steerFlags{}).status(state, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if s.Print(&out); !s.AtWork || !strings.Contains(out.String(), ": waiting for its hours: commit marker\n") {
		t.Errorf("at work %v:\n%s", s.AtWork, &out)
	}
}

// TestCancelOfWhoHasBegun: a process that holds the folder and has told nothing yet is no
// missing run: it is asked to stop as soon as it tells.
func TestCancelOfWhoHasBegun(t *testing.T) {
	state := t.TempDir()
	held, err := importer.OpenState(state)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		time.Sleep(50 * time.Millisecond) // after the first look
		text := `{"version":1,"run":"run-1","state":"` + string(importer.StateAsleep) + `"}`
		if err := os.WriteFile(filepath.Join(state, importer.StatusName), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(state, importer.ControlName)); err == nil {
				held.Close() // as asked
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	a := &app{out: io.Discard, err: io.Discard, now: time.Now}
	folder, err := a.stopped(t.Context(), &importFlags{runID: "run-1"}, state)
	if err != nil {
		t.Fatal(err)
	}
	folder.Close()
}
