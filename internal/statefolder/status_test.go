package statefolder

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// deadProcess is the number of a process of this host that has ended.
func deadProcess(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return cmd.Process.Pid
}

// stateWith is a state folder with the status that a run has left.
func stateWith(t *testing.T, s status.Status) string {
	t.Helper()
	folder := t.TempDir()
	s.Version, s.Run = status.Version, "run-1"
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, status.Name), text, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// TestStatusOfGone: a run whose process has ended without a word is told so, by its number on
// this host, before it has been silent for long; one of another host, or one that may only be
// slow, is not.
func TestStatusOfGone(t *testing.T) {
	host, _ := os.Hostname()
	dead, now := deadProcess(t), time.Now()
	for _, c := range []struct {
		host   string
		pid    int
		silent time.Duration
		atWork bool
		want   string
	}{
		{host, dead, 4 * time.Second, false, "has ended without a word"},
		{host, dead, time.Second, true, ""},
		{host, os.Getpid(), 4 * time.Second, true, ""},
		{host, os.Getpid(), time.Minute, false, "no word for 1m0s: the process has ended or hangs"},
		{"elsewhere", dead, 4 * time.Second, true, ""},
		{"elsewhere", dead, time.Minute, false, "no word for 1m0s from elsewhere"},
	} {
		state := stateWith(t, status.Status{State: request.StateRunning, Host: c.host, PID: c.pid, Updated: now.Add(-c.silent)})
		s, err := (&Query{}).Status(state, now)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		s.Print(&out)
		if s.AtWork != c.atWork || c.want == "" && strings.Contains(out.String(), "at work") || !strings.Contains(out.String(), c.want) {
			t.Errorf("%+v: at work %v\n%s", c, s.AtWork, &out)
		}
	}
}

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
		state  request.State
		pid    int
		host   string
		silent time.Duration
		atWork bool
		says   string
	}{
		{"at work", request.StateRunning, os.Getpid(), host, time.Second, true, ": in progress\n"},
		{"killed a moment ago", request.StateRunning, dead.Process.Pid, host, 5 * time.Second, false, "has ended without a word"},
		{"killed while it waited", request.StateHalted, dead.Process.Pid, host, time.Hour, false, ": not at work (its last word: halted: fix needed)"},
		{"another container of this name", request.StateRunning, dead.Process.Pid, host, time.Second, true, ": in progress\n"},
		{"on another host", request.StateRunning, dead.Process.Pid, "far", 5 * time.Second, true, ": in progress\n"},
		{"silent on another host", request.StateRunning, dead.Process.Pid, "far", time.Minute, false, "no word for 1m0s from far: the process there has ended or hangs"},
		{"hangs", request.StateRunning, os.Getpid(), host, time.Minute, false, ": not at work (its last word: in progress)"},
		{"completed", request.StateDone, dead.Process.Pid, host, time.Hour, false, ": completed\n"},
	} {
		dir := t.TempDir()
		text, err := json.Marshal(status.Status{Version: 1, Run: "run-1", State: test.state, PID: test.pid, Host: test.host, Updated: now.Add(-test.silent)})
		if err == nil {
			err = os.WriteFile(dir+"/status.json", text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		s, err := (&Query{}).Status(dir, now)
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
	r := Status{AtWork: true, Status: status.Status{Run: "run-1", State: request.StateAsleep, Progress: status.Progress{Opens: opens}}}
	var out bytes.Buffer
	if r.Print(&out); !strings.Contains(out.String(), "hours       no request begins before 2026-03-04 19:00\n") {
		t.Errorf("%s", &out)
	}
}

// TestStatusOfHalt: whoever looks at a run that waits is told why and since when, with
// the day where the hour alone may be yesterday's.
func TestStatusOfHalt(t *testing.T) {
	now := time.Date(2026, 3, 5, 9, 30, 0, 0, time.Local)
	for since, want := range map[time.Time]string{
		now.Add(-9*time.Hour - 45*time.Minute): "(since 23:45:00)",
		now.Add(-26 * time.Hour):               "(since 2026-03-04 07:30:00)",
	} {
		r := Status{AtWork: true, Status: status.Status{Run: "run-1", State: request.StateHalted, Updated: now,
			Halt: &request.Halt{Code: target.CodeCredentialsExpired, Cause: "status 403", Remedy: "renew them", Since: since}}}
		var out bytes.Buffer
		r.Print(&out)
		if line := "needs you   credentials-expired: status 403 " + want + "\n            renew them\n"; !strings.Contains(out.String(), line) {
			t.Errorf("no %q in\n%s", line, &out)
		}
	}
}

// TestStatusOfWaitingMarker: a run whose commit marker waits is at work, and says with what.
func TestStatusOfWaitingMarker(t *testing.T) {
	host, _ := os.Hostname()
	state := stateWith(t, status.Status{State: request.StateAsleep, Waits: "commit marker", Host: host, PID: os.Getpid(), Updated: time.Now()})
	s, err := (&Query{}).Status(state, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if s.Print(&out); !s.AtWork || !strings.Contains(out.String(), ": waiting for its hours: commit marker\n") {
		t.Errorf("at work %v:\n%s", s.AtWork, &out)
	}
}

// TestStatusOfEndedHalt: a start that has ended in order with a halt is told as that at once, and
// so is whoever steers it. What it did not find is told beside what a later start does.
func TestStatusOfEndedHalt(t *testing.T) {
	host, _ := os.Hostname()
	dead, now := deadProcess(t), time.Now()
	for _, silent := range []time.Duration{time.Second, time.Hour} {
		state := stateWith(t, status.Status{State: request.StateHalted, Ended: true, Host: host, PID: dead, Updated: now.Add(-silent),
			Halt: &request.Halt{Code: target.CodeTargetChanged, Cause: "1 was not there", Since: now}})
		s, err := (&Query{}).Status(state, now)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		s.Print(&out)
		if s.AtWork || s.Gone || strings.Contains(out.String(), "without a word") || strings.Contains(out.String(), "last word") || !strings.Contains(out.String(), "has ended. Start the same sledge import run\n") {
			t.Errorf("after %v: at work %v, gone %v\n%s", silent, s.AtWork, s.Gone, &out)
		}
		if _, err := (&Query{}).Steer(t.Context(), state, time.Now, status.WantPause); !errors.Is(err, ErrNoRun) {
			t.Errorf("after %v it was paused: %v", silent, err)
		}
	}
	r := Status{AtWork: true, Status: status.Status{State: request.StateRunning, Changed: &request.Halt{Code: target.CodeTargetChanged, Cause: "1 was not there"}}}
	var out bytes.Buffer
	if r.Print(&out); !strings.Contains(out.String(), "not found   target-changed: 1 was not there") {
		t.Errorf("%s", &out)
	}
}

// TestStatusOfLimit: status says how many requests are at once and by what they are bounded, in
// words, while the run is in progress.
func TestStatusOfLimit(t *testing.T) {
	for _, test := range []struct {
		state request.State
		limit request.Limit
		want  string
	}{
		{request.StateRunning, request.LimitSlowDown, "0 entries/s, 7 requests at once: the store asks to slow down\n"},
		{request.StateRunning, "of a later version", "0 entries/s, 7 requests at once\n"},
		{request.StatePaused, request.LimitStore, "0 entries/s, 7 requests at once\n"},
	} {
		r := &Status{Status: status.Status{State: test.state, Progress: status.Progress{Requests: 7, Limit: test.limit}}, AtWork: true}
		var out bytes.Buffer
		if r.Print(&out); !strings.Contains(out.String(), test.want) {
			t.Errorf("%s, %s: %s", test.state, test.limit, &out)
		}
	}
}
