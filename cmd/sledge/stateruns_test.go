package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/importreport"
)

// states makes a folder with the state folders of imports that have begun, and with what a
// pattern catches, too.
func states(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"all/a/status.json": `{"version":1,"run":"run-1","state":"completed"}`, "all/a/receipts/total.dsse": "{}",
		"all/a/runs/two/status.json": `{"version":1,"run":"two","state":"stopped"}`,
		"all/b/status.json":          `{"version":1,"run":"run-1","state":"stopped"}`,
		"all/empty/x":                "", "all/notes.txt": "",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCaughtTooMuch: each name that is no import's folder is told, with what helps, where one
// name or a pattern gave it.
func TestCaughtTooMuch(t *testing.T) {
	states(t)
	f := &field{t: t}
	says := f.sledge(exitNotFound, "import", "report", "all/empty", "all/notes.txt", "all/none")
	f.says(says, "all/empty: no import has left", "all/notes.txt: no import has left a status or receipts here: not a folder", "all/none: no such file", "if a pattern has caught this one, leave it out")
	says = f.sledge(exitNotFound, "verify", "import", "all/empty", "all/notes.txt", "--offline", "--no-label")
	f.says(says, "all/empty: no import has left", "all/notes.txt: no import has left", "leave it out")
	f.says(f.sledge(exitNotFound, "import", "report", "all"), "it holds the state folders of imports; name them: all/a all/b")
}

// TestSeveralRuns: which runs a state folder has, and which of them fit, is told where one has
// to be named, and where one was taken.
func TestSeveralRuns(t *testing.T) {
	states(t)
	a := &app{out: os.Stdout, err: os.Stderr}
	_, err := a.receiptsFolders([]string{"all/a"})
	code, hints := diagnose(err)
	if code != exitUsage || !strings.Contains(strings.Join(hints, " "), "all/a/receipts is run-1 (completed)") || !strings.Contains(strings.Join(hints, " "), "two (stopped, no receipts)") {
		t.Errorf("%d, %v: %q", code, err, hints)
	}
	for folder, want := range map[string]string{"all/a": ". of all/a", "all/a/receipts": ". of all/a", "all/a/runs/two": "runs/two of all/a", "all/a/runs/two/receipts": "runs/two of all/a", "all/empty": ""} {
		if strings.HasSuffix(folder, "receipts") {
			if err := errors.Join(os.MkdirAll(folder+"/log", 0o700), os.WriteFile(folder+"/log/checkpoint", nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		state, in, ok := stateAround(folder)
		if got := in + " of " + state; ok != (want != "") || ok && got != want {
			t.Errorf("%s: %s, %v", folder, got, ok)
		}
	}
	var said strings.Builder
	a = &app{out: os.Stdout, err: &said}
	a.noteRuns("all/a/receipts")
	if text := said.String(); !strings.Contains(text, "one of 2 runs in all/a") || !strings.Contains(text, "run-1 (completed), which was taken") {
		t.Error(text)
	}
	if runs := runsOf("all/b"); len(runs) != 1 || runs[0].Fits() || runs[0].State == importreport.StateUnreadable {
		t.Errorf("%+v", runs)
	}
}
