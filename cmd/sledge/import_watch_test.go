package main

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLogOfLateCleanUp: what an import says after its end, as by the clean-up of several devices,
// is in the file of --log until the device is closed.
func TestLogOfLateCleanUp(t *testing.T) {
	a := &app{out: io.Discard, err: io.Discard, now: time.Now}
	f := &importFlags{log: filepath.Join(t.TempDir(), "log.json")}
	closed := false
	d := &endedImport{close: func() { closed = true }}
	d.o.Log = slog.New(slog.DiscardHandler)
	watched, err := a.watch(t.Context(), f, d)
	if err != nil {
		t.Fatal(err)
	}
	watched.end()
	d.o.Log.Warn("probe-left")
	d.close()
	d.o.Log.Warn("after the close")
	text, err := os.ReadFile(f.log)
	if err != nil || !strings.Contains(string(text), "probe-left") || strings.Contains(string(text), "after") || !closed {
		t.Errorf("closed %v, %v: %s", closed, err, text)
	}
}
