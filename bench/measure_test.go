package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func newTestProcesses(t *testing.T) *processes {
	return &processes{log: filepath.Join(t.TempDir(), "log")}
}

func shell(script string) command { return command{args: []string{"sh", "-c", script}} }

// TestUsage adds up a pipeline: time from first to last, processor time and bytes
// of all, memory of the largest.
func TestUsage(t *testing.T) {
	p, big := newTestProcesses(t), filepath.Join(t.TempDir(), "big")
	if err := os.WriteFile(big, make([]byte, 32*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := p.run(context.Background(), time.Minute, command{args: []string{"cat", big}}, shell("cat >/dev/null; sleep 0.3"))
	if err != nil {
		t.Fatal(err)
	}
	if u.Wall < 0.3 || u.Wall > 30 || u.cpu() <= 0 || u.RSS < mib || u.Read < 64*mib || u.Read > 80*mib {
		t.Errorf("%+v", u)
	}
}

func TestFailuresAreNamed(t *testing.T) {
	p := newTestProcesses(t)
	for _, pipeline := range [][]command{
		{shell("echo reason >&2; exit 3")},
		{shell("echo reason >&2; exit 3"), shell("cat >/dev/null")},
	} {
		if _, err := p.run(context.Background(), time.Minute, pipeline...); err == nil || !strings.Contains(err.Error(), "reason") || !strings.Contains(err.Error(), "exit status 3") {
			t.Errorf("%v", err)
		}
	}
	if _, err := p.run(context.Background(), time.Minute, shell("cat >/dev/null"), command{args: []string{"/no/such/program"}}); err == nil {
		t.Error("a program that is not there ran")
	}
}

// TestTimeLimit ends a run with everything that it started.
func TestTimeLimit(t *testing.T) {
	p, note := newTestProcesses(t), filepath.Join(t.TempDir(), "pid")
	began := time.Now()
	_, err := p.run(context.Background(), 300*time.Millisecond, shell("sleep 600 & echo $! >"+note+"; wait"))
	if err == nil || !strings.Contains(err.Error(), "not done in") || time.Since(began) > 30*time.Second {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	isGone(t, note)
}

// isGone waits until the process whose number is in a file has ended.
func isGone(t *testing.T, note string) {
	t.Helper()
	text, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for range 500 {
		state := field("/proc/"+strconv.Itoa(pid)+"/status", "State")
		if syscall.Kill(pid, 0) == syscall.ESRCH || strings.HasPrefix(state, "Z") || state == "" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d still runs", pid)
}
