package daemon

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is the server, too: with an address it answers there, after a while.
func TestMain(m *testing.M) {
	if address := os.Getenv("SLEDGE_TEST_LISTEN"); address != "" {
		waits := time.Now().Add(200 * time.Millisecond)
		http.ListenAndServe(address, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			if time.Now().Before(waits) {
				rw.WriteHeader(http.StatusServiceUnavailable)
			}
		}))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func server(address string) (*exec.Cmd, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "SLEDGE_TEST_LISTEN="+address)
	return cmd, nil
}

func TestStart(t *testing.T) {
	d, err := Start(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(d.Endpoint)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	answer.Body.Close()
	d.Kill()
	if _, err := http.Get(d.Endpoint); err == nil {
		t.Error("it answers after its end")
	}
	again, err := StartAt(t.Context(), d.Address, server)
	if err != nil || again.Endpoint != d.Endpoint {
		t.Fatal(again, err)
	}
	again.Stop()
	again.Stop()
	if err := syscall.Kill(again.PID(), 0); err == nil {
		t.Error("it still runs")
	}
}

// TestEndsAtOnce: the error names how the server ended and what it said last, however
// it ended, and is not kept waiting by what the server has started.
func TestEndsAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		script string
		want   []string
	}{
		"silent":        {"exit 3", []string{"exit status 3", "has printed nothing"}},
		"with a word":   {"echo no room left >&2; exit 28", []string{"exit status 28: no room left"}},
		"by a signal":   {"echo said; kill -ABRT $$", []string{"signal: aborted", ": said"}},
		"well":          {"exit 0", []string{"exit status 0"}},
		"with much":     {"seq 1 5000; exit 1", []string{"\n4999\n5000"}},
		"a child stays": {"sleep 5 & echo gone; exit 4", []string{"exit status 4: gone"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("sh", "-c", test.script)
			d, err := StartUntil(t.Context(), cmd, "127.0.0.1:1", time.Minute, func(string) bool { return false })
			if err == nil {
				d.Kill()
				t.Fatal("it is ready")
			}
			for _, want := range append(test.want, "sh: not ready: the server ended after ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("not told: %q: %v", want, err)
				}
			}
			if len(err.Error()) > 3<<10 {
				t.Errorf("%d bytes are told", len(err.Error()))
			}
		})
	}
}

// TestEnded: one that ends later tells how, too. Output that the command gives to somebody
// is theirs.
func TestEnded(t *testing.T) {
	var out bytes.Buffer
	cmd := exec.Command("sh", "-c", "echo hello; read line; echo bye; exit 5")
	cmd.Stdout = &out
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	d, err := StartUntil(t.Context(), cmd, "", time.Minute, func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Ended(); err != nil {
		t.Errorf("it lives, and has ended: %v", err)
	}
	in.Close()
	<-d.Exited()
	if err := d.Ended(); err == nil || !strings.HasSuffix(err.Error(), "exit status 5") {
		t.Error(err)
	}
	if out.String() != "hello\nbye\n" {
		t.Errorf("%q", &out)
	}
}

// TestCanceled starts what never answers: the wait ends with its context, and the
// server with the wait.
func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var cmd *exec.Cmd
	_, err := Start(ctx, func(string) (*exec.Cmd, error) {
		cmd = exec.Command("sleep", "60")
		time.AfterFunc(50*time.Millisecond, cancel)
		return cmd, nil
	})
	if err == nil || cmd.ProcessState == nil {
		t.Error("it was waited for, or still runs:", err)
	}
}
