package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/statefolder"
)

// TestSteerUnwritable: a state folder that cannot be written is named, and it is said why: of
// a pause and of a cancel as of a run.
func TestSteerUnwritable(t *testing.T) {
	host, _ := os.Hostname()
	state := t.TempDir()
	st, err := json.Marshal(status.Status{Version: status.Version, Run: "run-1", State: request.StateRunning, Host: host, PID: os.Getpid(), Updated: time.Now()})
	if err == nil {
		err = os.WriteFile(filepath.Join(state, status.Name), st, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
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
	_, pauseErr := (&statefolder.Query{}).Steer(context.Background(), state, time.Now, status.WantPause)
	_, cancelErr := a.stateToCancel(context.Background(), &importFlags{}, state)
	for what, err := range map[string]error{"pause": pauseErr, "cancel": cancelErr} {
		if !errors.Is(err, statefolder.ErrUnusable) || !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), state) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := (&statefolder.Query{}).Status(state, time.Now()); err != nil {
		t.Errorf("status: %v", err)
	}
}
