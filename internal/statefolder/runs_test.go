package statefolder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/importreport"
)

// TestSeveralRuns: which runs a state folder has, and which of them fit, is told where one has
// to be named, and where one was taken.
func TestSeveralRuns(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"all/a/status.json": `{"version":1,"run":"run-1","state":"completed"}`, "all/a/receipts/total.dsse": "{}",
		"all/a/runs/two/status.json": `{"version":1,"run":"two","state":"stopped"}`,
		"all/b/status.json":          `{"version":1,"run":"run-1","state":"stopped"}`, "all/empty/x": "",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	var said strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&said, format+"\n", args...) }
	tell := Tell{say, say}
	_, err := Receipts([]string{"all/a"}, tell)
	var usage *advice.UsageError
	var hinted *advice.Hinted
	if !errors.As(err, &usage) || !errors.As(err, &hinted) {
		t.Fatal(err)
	}
	if hints := strings.Join(hinted.Hints, " "); !strings.Contains(hints, "all/a/receipts is run-1 (completed)") || !strings.Contains(hints, "two (stopped, no receipts)") {
		t.Errorf("%v: %q", err, hints)
	}
	for folder, want := range map[string]string{"all/a": ". of all/a", "all/a/receipts": ". of all/a", "all/a/runs/two": "runs/two of all/a", "all/a/runs/two/receipts": "runs/two of all/a", "all/empty": ""} {
		if strings.HasSuffix(folder, "receipts") {
			if err := errors.Join(os.MkdirAll(folder+"/log", 0o700), os.WriteFile(folder+"/log/checkpoint", nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		state, in, ok := Around(folder)
		if got := in + " of " + state; ok != (want != "") || ok && got != want {
			t.Errorf("%s: %s, %v", folder, got, ok)
		}
	}
	said.Reset()
	noteRuns("all/a/receipts", tell)
	if text := said.String(); !strings.Contains(text, "one of 2 runs in all/a") || !strings.Contains(text, "run-1 (completed), which was taken") {
		t.Error(text)
	}
	if runs := runsOf("all/b"); len(runs) != 1 || runs[0].Fits() || runs[0].State == importreport.StateUnreadable {
		t.Errorf("%+v", runs)
	}
}
