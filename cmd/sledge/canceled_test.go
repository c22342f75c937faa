package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/importer"
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
		if err := os.WriteFile(filepath.Join(state, tt.mark, importer.CancelName), []byte(`{"version":1,"run":"run-1"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := refuseCanceled(receipts); !errors.Is(err, errObjects) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
