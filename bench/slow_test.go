package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// newSlowBench is a bench whose children are this program's.
func newSlowBench(t *testing.T) *bench {
	t.Helper()
	b := newTestBench(true)
	s, err := openSpace(filepath.Join(t.TempDir(), "work"), t.TempDir(), false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.space.close(); err != nil {
			t.Error(err)
		}
	})
	b.space, b.self, b.procs.log = s, os.Args[0], filepath.Join(s.scratch(), "run.log")
	return b
}

// TestMountEnds shows a folder by a child, and it is gone when that is closed, and
// when the child was killed and the space is closed.
func TestMountEnds(t *testing.T) {
	if why := noFUSE(); why != "" {
		t.Skip(why)
	}
	b, source := newSlowBench(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(source, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, end := range []func(m *slowMounts){
		(*slowMounts).close,
		func(m *slowMounts) {
			_ = m.held.Process.Signal(syscall.SIGKILL)
			_ = m.held.Wait()
		},
	} {
		at, err := b.space.fresh(tmpfs, "slow")
		if err != nil {
			t.Fatal(err)
		}
		m, err := b.mount(t.Context(), []string{"--read-only", "--call", "1ms"}, source, at)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(at, "file")); err != nil {
			t.Error(err)
		}
		end(m)
	}
	// The second mount is left to the space.
	if err := b.space.close(); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile("/proc/self/mounts"); err != nil || strings.Contains(string(text), b.space.mem) {
		t.Errorf("still mounted: %v\n%s", err, text)
	}
	if _, err := os.Stat(filepath.Join(source, "file")); err != nil {
		t.Errorf("the source went with the mount: %v", err)
	}
	var err error
	if b.space, err = openSpace(b.space.work, t.TempDir(), false); err != nil {
		t.Fatal(err)
	}
	if _, err := b.mount(t.Context(), nil, filepath.Join(source, "none"), source); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("what is not there was mounted: %v", err)
	}
}

// TestContestCloses what it has opened, also where opening fails.
func TestContestCloses(t *testing.T) {
	b := newSlowBench(t)
	closed := 0
	c := &contest{name: "test", set: "glance", open: func(context.Context) error { return errors.New("no") }, close: func() error { closed++; return nil }}
	if err := c.play(t.Context(), b, nil); err == nil || closed != 1 {
		t.Errorf("%v, closed %d times", err, closed)
	}
}

// TestFewerRounds lets a contest whose rounds take minutes have fewer.
func TestFewerRounds(t *testing.T) {
	for _, test := range []struct {
		quick       bool
		most        int
		first, last int
	}{{false, 0, 0, 5}, {false, 3, 1, 3}, {true, 0, 1, 5}, {true, 3, 1, 1}} {
		b := newTestBench(test.quick)
		b.opts.pairs = 5
		c := &contest{most: test.most}
		if first, last := b.firstRound(c), b.lastRound(c); first != test.first || last != test.last {
			t.Errorf("%+v: %d to %d", test, first, last)
		}
	}
}

// TestSlowNetChild asks through a child and reads its counts.
func TestSlowNetChild(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	b := newSlowBench(t)
	proxy, err := b.startServer(t.Context(), func(address string, _ *server) command {
		return command{args: []string{b.self, "slownet", "--listen", address, "--to", s.Listener.Addr().String(), "--round-trip", "20ms", "--turns"}}
	})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	answer, err := http.Get(proxy.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("an answer came in %v", took)
	}
	proxy.Stop()
	logs, err := filepath.Glob(filepath.Join(b.space.scratch(), "server-*.log"))
	if err != nil || len(logs) != 1 {
		t.Fatalf("%v, %v", logs, err)
	}
	text, err := os.ReadFile(logs[0])
	if err != nil || !strings.Contains(string(text), "GET / HTTP/1.1") || !strings.Contains(string(text), `"Connections":`) {
		t.Errorf("%s, %v", text, err)
	}
}

// TestSequential writes as much as it is told, and refuses no folder.
func TestSequential(t *testing.T) {
	dir := t.TempDir()
	for _, bay := range []string{"bay00", "bay01"} {
		if err := os.Mkdir(filepath.Join(dir, bay), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := exec.CommandContext(t.Context(), os.Args[0], "sequential", "--bytes", "4194304", filepath.Join(dir, "bay??")).Run(); err != nil {
		t.Fatal(err)
	}
	if size := treeSize(dir); size != 4*mib {
		t.Errorf("%d bytes", size)
	}
	if err := exec.CommandContext(t.Context(), os.Args[0], "sequential", "--read", filepath.Join(dir, "bay??")).Run(); err != nil {
		t.Fatal(err)
	}
	if err := runSequential(t.Context(), []string{filepath.Join(dir, "none")}, nil); err == nil {
		t.Error("wrote into no folder")
	}
}

// TestSlowFSCounts prints the calls when it is ended.
func TestSlowFSCounts(t *testing.T) {
	if why := noFUSE(); why != "" {
		t.Skip(why)
	}
	ctx, cancel := context.WithCancel(t.Context())
	source, at := t.TempDir(), t.TempDir()
	out := &lines{}
	ended := make(chan error, 1)
	go func() { ended <- runSlowFS(ctx, []string{source, at}, out) }()
	for out.first() == "" {
		time.Sleep(time.Millisecond)
	}
	if _, err := os.ReadDir(at); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	var counts struct{ Calls map[string]int64 }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(out.text(), "mounted\n")), &counts); err != nil || counts.Calls["opendir"] != 1 {
		t.Errorf("%+v, %v: %s", counts, err, out.text())
	}
	if err := runSlowFS(t.Context(), []string{source}, out); err == nil {
		t.Error("a mount without a mount point")
	}
}

// lines is an output that is read while it is written.
type lines struct {
	mu  sync.Mutex
	all strings.Builder
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.Write(b)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func (l *lines) first() string {
	line, _, ok := strings.Cut(l.text(), "\n")
	if !ok {
		return ""
	}
	return line
}
