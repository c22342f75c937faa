package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
)

// TestStatusOfDeadProcess: a run whose process was killed is not told as in progress, and the
// last word of one that hangs is told as its last word.
func TestStatusOfDeadProcess(t *testing.T) {
	dead := exec.Command("true")
	if err := dead.Run(); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, test := range []struct {
		name   string
		state  importer.State
		pid    int
		host   string
		silent time.Duration
		atWork bool
		says   string
	}{
		{"at work", importer.StateRunning, os.Getpid(), host, time.Second, true, ": in progress\n"},
		{"killed a moment ago", importer.StateRunning, dead.Process.Pid, host, 5 * time.Second, false, "has ended without a word"},
		{"killed while it waited", importer.StateHalted, dead.Process.Pid, host, time.Hour, false, ": not at work (its last word: halted: fix needed)"},
		{"another container of this name", importer.StateRunning, dead.Process.Pid, host, time.Second, true, ": in progress\n"},
		{"on another host", importer.StateRunning, dead.Process.Pid, "far", 5 * time.Second, true, ": in progress\n"},
		{"silent on another host", importer.StateRunning, dead.Process.Pid, "far", time.Minute, false, "no word for 1m0s from far: the process there has ended or hangs"},
		{"hangs", importer.StateRunning, os.Getpid(), host, time.Minute, false, ": not at work (its last word: in progress)"},
		{"completed", importer.StateDone, dead.Process.Pid, host, time.Hour, false, ": completed\n"},
	} {
		dir := t.TempDir()
		text, err := json.Marshal(importer.Status{Version: 1, Run: "run-1", State: test.state, PID: test.pid, Host: test.host, Updated: now.Add(-test.silent)})
		if err == nil {
			err = os.WriteFile(dir+"/status.json", text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := (&steerFlags{}).status(dir, now)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if s.Print(&out); s.AtWork != test.atWork || !strings.Contains(out.String(), test.says) {
			t.Errorf("%s: at work %v\n%s", test.name, s.AtWork, &out)
		}
	}
}

// TestStatusOfHours: outside of its hours a run says when it goes on.
func TestStatusOfHours(t *testing.T) {
	opens := time.Date(2026, 3, 4, 19, 0, 0, 0, time.Local)
	r := runStatus{AtWork: true, Status: importer.Status{Run: "run-1", State: importer.StateAsleep, Progress: importer.Progress{Opens: opens}}}
	var out bytes.Buffer
	if r.Print(&out); !strings.Contains(out.String(), "hours       no request begins before 2026-03-04 19:00\n") {
		t.Errorf("%s", &out)
	}
	if s := importSample(importer.Progress{State: importer.StateAsleep, Opens: opens}); s.More != "waiting for its hours, until 19:00" {
		t.Errorf("progress: %s", s.More)
	}
}
