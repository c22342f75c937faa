package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

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
		text := `{"version":1,"run":"run-1","state":"` + string(request.StateAsleep) + `"}`
		if err := os.WriteFile(filepath.Join(state, status.Name), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
		for {
			if _, err := os.Stat(filepath.Join(state, status.ControlName)); err == nil {
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
