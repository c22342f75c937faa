package main

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSecondSignal: a command that waits for a store which answers nobody is ended at once by a
// second signal.
func TestSecondSignal(t *testing.T) {
	store, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	asked := make(chan net.Conn, 10)
	go func() {
		for {
			conn, err := store.Accept()
			if err != nil {
				return
			}
			asked <- conn
		}
	}()
	var said strings.Builder
	cmd := exec.Command("sledge", "target", "probe", "s3://bucket/in/", "--endpoint", "http://"+store.Addr().String(), "--path-style", "--region", "us-east-1")
	cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=secretsecret", "AWS_CONFIG_FILE=/nonexistent", "AWS_SHARED_CREDENTIALS_FILE=/nonexistent", "HTTP_PROXY=", "http_proxy=")
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case conn := <-asked:
		defer conn.Close()
	case err := <-ended:
		t.Fatalf("it has not asked: %v, %s", err, said.String())
	}
	for {
		cmd.Process.Signal(os.Interrupt) // until the second one has met it
		select {
		case <-ended:
			if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGINT {
				t.Errorf("it ended by itself: %v, %s", cmd.ProcessState, said.String())
			}
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
