package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/request"
)

// TestCancelTakesItsOwn: a cancel with --takeover leaves the process that has the folder alone if
// that is at work on another run, and if the folder does not know the run. Its own it takes.
func TestCancelTakesItsOwn(t *testing.T) {
	for _, c := range []struct {
		name, runID string
		tells       bool // the process has told its run
		state       request.State
		code        int
	}{
		{"of another run", "run-1", true, request.StateRunning, exitBusy},
		{"that cancels another run", "run-1", true, request.StateCanceled, exitBusy},
		{"and a mistyped id", "rum-2", true, request.StateRunning, exitBusy},
		{"that has told nothing, and a mistyped id", "rum-2", false, "", exitTarget},
		{"of this run", "run-2", true, request.StateRunning, exitDone},
		{"that has told nothing", "run-1", false, "", exitDone},
	} {
		for _, journal := range []string{"", journalInTarget} {
			state := t.TempDir()
			tellStatus(t, state, "run-1", request.StateDone, time.Now().Add(-time.Hour))
			held, err := importer.OpenState(state)
			if err != nil {
				t.Fatal(err)
			}
			if c.tells {
				tellStatus(t, filepath.Join(state, importer.RunsFolder, "run-2"), "run-2", c.state, time.Now())
			}
			var said bytes.Buffer
			a := &app{out: &said, err: &said, now: time.Now}
			folder, err := a.stateToCancel(t.Context(), &importFlags{runID: c.runID, takeover: time.Nanosecond, journal: journal}, state)
			code, hints := exitDone, []string(nil)
			if err != nil {
				code, hints = diagnose(err)
			}
			if code != c.code || (held.Held() == nil) != (err != nil) || err != nil && !strings.Contains(err.Error(), c.runID) {
				t.Errorf("%s, journal %q: %v, exit %d, %q; held %v", c.name, journal, err, code, hints, held.Held())
			}
			if folder != nil {
				folder.Close()
			}
			held.Close()
		}
	}
}
