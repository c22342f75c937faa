package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/importer"
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
func stateWith(t *testing.T, s importer.Status) string {
	t.Helper()
	folder := t.TempDir()
	s.Version, s.Run = importer.StatusVersion, "run-1"
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, importer.StatusName), text, 0o600); err != nil {
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
		state := stateWith(t, importer.Status{State: importer.StateRunning, Host: c.host, PID: c.pid, Updated: now.Add(-c.silent)})
		s, err := (&steerFlags{}).status(state, now)
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

// TestSteerOfGone: a process that ends after it was asked is not waited for, and a pause that
// nobody heard does not hold the next start.
func TestSteerOfGone(t *testing.T) {
	host, _ := os.Hostname()
	state := stateWith(t, importer.Status{State: importer.StateRunning, Host: host, PID: deadProcess(t), Updated: time.Now().Add(-2500 * time.Millisecond)})
	a, began := &app{now: time.Now}, time.Now()
	_, err := a.steer(context.Background(), &steerFlags{}, state, importer.WantPause, func(importer.State) bool { return false })
	if !errors.Is(err, errNoRun) || errors.Is(err, firmware.ErrBusy) || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	var asked importer.Control
	if text, err := os.ReadFile(filepath.Join(state, importer.ControlName)); err != nil || json.Unmarshal(text, &asked) != nil || asked.Want != importer.WantRun {
		t.Errorf("the next start is asked for %q, %v", asked.Want, err)
	}
}

// TestSteerOfEnded: what can be done about a run that nobody works on depends on how it ended.
func TestSteerOfEnded(t *testing.T) {
	for end, want := range map[importer.State]string{
		importer.StateCanceled: "--run-id",
		importer.StateDone:     "nothing is left to do",
		importer.StateErrors:   "sledge import retry",
		importer.StateStopped:  "the same sledge import run goes on",
		importer.StateTaken:    "the process that has taken it over",
	} {
		state := stateWith(t, importer.Status{State: end, Updated: time.Now()})
		_, err := (&app{now: time.Now}).steer(context.Background(), &steerFlags{}, state, importer.WantRun, func(importer.State) bool { return false })
		var advised *hinted
		if !errors.Is(err, errNoRun) || !errors.As(err, &advised) || !strings.Contains(strings.Join(advised.Hints, " "), want) {
			t.Errorf("%s: %v", end, err)
		}
	}
}

// TestSteerUnwritable: a state folder that cannot be written is named, and it is said why: of
// a pause and of a cancel as of a run.
func TestSteerUnwritable(t *testing.T) {
	host, _ := os.Hostname()
	state := stateWith(t, importer.Status{State: importer.StateRunning, Host: host, PID: os.Getpid(), Updated: time.Now()})
	if err := unix.Mount(state, state, "", unix.MS_BIND, ""); err != nil {
		t.Skipf("nothing can be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(state, 0); err != nil {
			t.Error(err)
		}
	})
	if err := unix.Mount("", state, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	a := &app{now: time.Now}
	_, pauseErr := a.steer(context.Background(), &steerFlags{}, state, importer.WantPause, func(importer.State) bool { return false })
	_, cancelErr := a.stateToCancel(context.Background(), &importFlags{}, state)
	for what, err := range map[string]error{"pause": pauseErr, "cancel": cancelErr} {
		if !errors.Is(err, errStateFolder) || !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), state) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := (&steerFlags{}).status(state, time.Now()); err != nil {
		t.Errorf("status: %v", err)
	}
}
