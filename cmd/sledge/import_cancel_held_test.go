package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// tellStatus writes a status of this process into a folder of a state.
func tellStatus(t *testing.T, folder, run string, state request.State, at time.Time) {
	t.Helper()
	host, _ := os.Hostname()
	text, err := json.Marshal(status.Status{Version: status.Version, Run: run, State: state, Host: host, PID: os.Getpid(), Updated: at})
	if err == nil {
		err = os.MkdirAll(folder, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, status.Name), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCancelBesideAnotherRun: the process that has the state folder is at work on another run than
// the one to cancel, which has ended. Nobody is asked to stop, and who has the folder is named at
// once. The status of the ended run may be of a process of the same number.
func TestCancelBesideAnotherRun(t *testing.T) {
	for _, now := range []request.State{request.StateRunning, request.StateDone} {
		state := t.TempDir()
		tellStatus(t, state, "run-1", request.StateDone, time.Now().Add(-time.Hour))
		held, err := importer.OpenState(state)
		if err != nil {
			t.Fatal(err)
		}
		tellStatus(t, filepath.Join(state, importer.RunsFolder, "run-2"), "run-2", now, time.Now())
		var said bytes.Buffer
		a := &app{out: &said, err: &said, now: time.Now}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		_, err = a.stopped(ctx, &importFlags{runID: "run-1"}, state)
		stop()
		held.Close()
		if code, hints := diagnose(err); code != exitBusy || !strings.Contains(err.Error(), "for run run-2") || !strings.Contains(strings.Join(hints, " "), "run-2 has ended") {
			t.Errorf("%s: %v, %q", now, err, hints)
		}
		if strings.Contains(said.String(), "asked to stop") {
			t.Errorf("%s: %s", now, said.String())
		}
		for _, folder := range []string{state, filepath.Join(state, importer.RunsFolder, "run-2")} {
			if _, err := os.Stat(filepath.Join(folder, status.ControlName)); err == nil {
				t.Errorf("%s: somebody was asked in %s", now, folder)
			}
		}
	}
}

// TestCancelBesideCancel: a process that cancels another run of the folder ends soon, and is waited
// for. So is one of which nothing is known.
func TestCancelBesideCancel(t *testing.T) {
	state := t.TempDir()
	held, err := importer.OpenState(state)
	if err != nil {
		t.Fatal(err)
	}
	tellStatus(t, state, "run-1", request.StateDone, time.Now().Add(-time.Hour))
	tellStatus(t, filepath.Join(state, importer.RunsFolder, "run-2"), "run-2", request.StateCanceled, time.Now())
	go func() {
		time.Sleep(20 * time.Millisecond)
		held.Close()
	}()
	a := &app{out: &bytes.Buffer{}, err: &bytes.Buffer{}, now: time.Now}
	folder, err := a.stopped(t.Context(), &importFlags{runID: "run-1"}, state)
	if err != nil {
		t.Fatal(err)
	}
	folder.Close()
}
