package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// TestAcceptCanceled: receipts of a canceled run are refused, whichever of its folders has
// the mark, also when the state is in a copy after a takeover.
func TestAcceptCanceled(t *testing.T) {
	for name, tt := range map[string]struct{ mark, receipts string }{
		"in the receipts":        {"receipts", "receipts"},
		"of an earlier attempt":  {".", "receipts-2"},
		"in a later run":         {"runs/run-2", "runs/run-2/receipts"},
		"of a copy":              {"taken/00000003", "receipts"},
		"of a copy, a later run": {"taken/00000003/runs/run-2", "runs/run-2/receipts"},
	} {
		state := t.TempDir()
		for _, folder := range []string{tt.mark, tt.receipts} {
			if err := os.MkdirAll(filepath.Join(state, folder), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		receipts := filepath.Join(state, tt.receipts)
		if err := refuseCanceled(receipts); err != nil {
			t.Errorf("%s: not canceled: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(state, tt.mark, receipt.CancelName), []byte(`{"version":1,"run":"run-1"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := refuseCanceled(receipts); !errors.Is(err, errObjects) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAcceptUnseen: receipts are refused where the copies of their state folder cannot be
// looked at: one of them may have the mark.
func TestAcceptUnseen(t *testing.T) {
	for name, spoil := range map[string]func(taken string) error{
		"no folder": func(taken string) error { return os.WriteFile(taken, nil, 0o600) },
		"a loop":    func(taken string) error { return os.Symlink("taken", taken) },
	} {
		for _, receipts := range []string{"receipts", "runs/run-2/receipts"} {
			state := t.TempDir()
			if err := errors.Join(os.MkdirAll(filepath.Join(state, receipts), 0o700), spoil(filepath.Join(state, "taken"))); err != nil {
				t.Fatal(err)
			}
			if err := refuseCanceled(filepath.Join(state, receipts)); err == nil || !strings.Contains(err.Error(), state) {
				t.Errorf("%s, %s: %v", name, receipts, err)
			}
		}
	}
	if err := refuseCanceled(filepath.Join(t.TempDir(), "away", "receipts")); err != nil {
		t.Errorf("a folder that is not there: %v", err) // the receipts' reader tells
	}
}

// TestAcceptChangedMeanwhile: they are refused while a start waits or looks, too. After a takeover
// the status that was left behind says nothing of what was found since.
func TestAcceptChangedMeanwhile(t *testing.T) {
	changed := &request.Halt{Code: target.CodeTargetChanged, Cause: "3 of 3 are not there"}
	for name, c := range map[string]struct {
		left, taken *status.Status
		refused     bool
	}{
		"a start looks":        {&status.Status{State: request.StateRunning, Changed: changed}, nil, true},
		"a start waits":        {&status.Status{State: request.StatePaused, Changed: changed}, nil, true},
		"taken over":           {&status.Status{State: request.StateDone}, &status.Status{State: request.StateStopped, Changed: changed}, true},
		"taken over and found": {&status.Status{State: request.StateHalted, Halt: changed, Changed: changed}, &status.Status{State: request.StateDone}, false},
	} {
		state := t.TempDir()
		for folder, s := range map[string]*status.Status{".": c.left, "taken/00000003": c.taken} {
			if s == nil {
				continue
			}
			s.Version = status.Version
			text, err := json.Marshal(s)
			if err = errors.Join(err, os.MkdirAll(filepath.Join(state, folder, "receipts"), 0o700), os.WriteFile(filepath.Join(state, folder, status.Name), text, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if err := refuseCanceled(filepath.Join(state, "receipts")); errors.Is(err, errObjects) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAcceptChanged: receipts are refused while the run's status says that the target has
// changed since, whichever of its folders says it; a halt for another reason is none of theirs.
func TestAcceptChanged(t *testing.T) {
	for folder, receipts := range map[string]string{".": "receipts", "runs/run-2": "runs/run-2/receipts", "taken/00000003": "receipts"} {
		for code, refused := range map[target.Code]bool{target.CodeTargetChanged: true, target.CodeServerError: false} {
			state := t.TempDir()
			text, err := json.Marshal(status.Status{Version: status.Version, State: request.StateHalted, Halt: &request.Halt{Code: code, Cause: "3 of 3 are not there"}})
			err = errors.Join(err, os.MkdirAll(filepath.Join(state, receipts), 0o700), os.MkdirAll(filepath.Join(state, folder), 0o700),
				os.WriteFile(filepath.Join(state, folder, status.Name), text, 0o600))
			if err != nil {
				t.Fatal(err)
			}
			if err := refuseCanceled(filepath.Join(state, receipts)); errors.Is(err, errObjects) != refused || refused && !strings.Contains(err.Error(), "3 of 3") {
				t.Errorf("%s in %s: %v", code, folder, err)
			}
		}
	}
}
