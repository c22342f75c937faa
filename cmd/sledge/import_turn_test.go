package main

import (
	"bytes"
	"os"
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
	if s.print(&out); !s.AtWork || !strings.Contains(out.String(), ": waiting for its hours: commit marker\n") {
		t.Errorf("at work %v:\n%s", s.AtWork, &out)
	}
}
