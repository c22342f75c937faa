package importreport

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// TestRuns: a state folder names all its runs: the one that was taken, and which of the others
// could be.
func TestRuns(t *testing.T) {
	began := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC)
	status := func(run string, state request.State, hours int) *fstest.MapFile {
		text, err := json.Marshal(status.Status{Version: 1, Run: run, State: state, Updated: began.Add(time.Duration(hours) * time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return &fstest.MapFile{Data: text}
	}
	whole := &fstest.MapFile{Data: []byte("{}")}
	state := fstest.MapFS{
		"status.json": status("run-1", request.StateErrors, 0), "receipts/total.dsse": whole,
		"runs/two/status.json": status("two", request.StateDone, 3), "runs/two/receipts/total.dsse": whole, "runs/two/receipts-2/total.dsse": whole,
		"runs/three/status.json": status("three", request.StateDone, 2), "runs/three/receipts/total.dsse": whole, "runs/three/cancel.json": whole,
		"runs/four/status.json": status("four", request.StateStopped, 1),
		"runs/five/status.json": {Data: []byte("no JSON")}, "runs/six/journal/x": whole,
	}
	want := "two (completed) true; three (canceled) false; four (stopped, no receipts) false; run-1 (completed with errors) true; five (its status cannot be read, no receipts) false"
	runs := Runs(state)
	if got := RunsText(runs, func(r Run) string {
		if r.Fits() {
			return r.Text() + " true"
		}
		return r.Text() + " false"
	}); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	for _, r := range runs {
		if r.Run == "two" && r.Receipts != "receipts-2" {
			t.Errorf("newest receipts of two: %s", r.Receipts)
		}
	}
}

// TestRunsNoted: the report of one run names the others, of the first as of a later one.
func TestRunsNoted(t *testing.T) {
	folder := cleanRun().folder(t)
	for in, want := range map[string]string{".": "which is this one", "runs/two": "in the folder itself"} {
		all := fstest.MapFS{}
		for name, file := range folder {
			all[name], all["runs/two/"+name] = file, file
		}
		d := &Device{}
		d.noteRuns(all, in)
		if len(d.Runs) != 2 || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "holds 2 runs") || !strings.Contains(d.Notes[0], want) {
			t.Errorf("%s: %q", in, d.Notes)
		}
	}
	d := &Device{}
	if d.noteRuns(folder, "."); len(d.Notes) > 0 || d.Runs != nil {
		t.Errorf("one run alone: %q", d.Notes)
	}
}
