package daemon

import (
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

func TestEndsAtOnce(t *testing.T) {
	_, err := Start(t.Context(), func(string) (*exec.Cmd, error) { return exec.Command("false"), nil })
	if err == nil || !strings.Contains(err.Error(), "false: the server ended at once") {
		t.Error(err)
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
