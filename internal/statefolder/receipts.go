package statefolder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/importreport"
)

// Tell is what the operator is told besides the answer.
type Tell struct {
	Note, Warn func(format string, args ...any)
}

// Receipts are the folders of receipts that are named, where the state folder
// of an import stands for its newest receipts: after a retry or a takeover they are
// not where they were.
func Receipts(names []string, tell Tell) (folders []string, err error) {
	var bad []error
	for _, name := range names {
		folder, err := ReceiptsOf(name, tell)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		noteRuns(folder, tell)
		folders = append(folders, folder)
	}
	return folders, Together(bad)
}

// ReceiptsOf is the folder of receipts of one name. Of several runs none is chosen.
func ReceiptsOf(name string, tell Tell) (string, error) {
	if _, err := os.Stat(filepath.Join(name, "log", "checkpoint")); err == nil {
		state := filepath.Dir(filepath.Clean(name))
		if newest, err := newestReceipts(state); err == nil && isState(state) && newest != filepath.Clean(name) {
			tell.Warn("%s are not the newest receipts of that import: those are in %s", name, newest)
		}
		return name, nil
	}
	if runs := runsOf(name); len(runs) > 1 {
		return "", advice.Hint(advice.Usagef("%s holds several runs", name), "%s", whichRun(name, runs))
	}
	folder, err := newestReceipts(name)
	switch {
	case errors.Is(err, importreport.ErrNoReceipts) && isCanceled(name):
		return "", advice.Hint(fmt.Errorf("%s: it was canceled: %w", name, err), "it will have none: import with a new --run-id")
	case errors.Is(err, importreport.ErrNoReceipts) && isState(name):
		return "", advice.Hint(fmt.Errorf("%s: %w", name, err), "see how the run does: sledge import status %s", name)
	case err != nil && !isState(name):
		return "", NoRun(name)
	case err != nil:
		return name, nil // who reads it says what is wrong
	}
	return folder, nil
}

// newestReceipts are those of a state folder's run, also after takeovers.
func newestReceipts(state string) (string, error) {
	home, err := importer.StateHome(state)
	if err != nil {
		return "", err
	}
	folder, err := importreport.Receipts(os.DirFS(home))
	return filepath.Join(home, folder), err
}

// isState tells a folder in which an import has been at work.
func isState(name string) bool {
	home, err := importer.StateHome(name)
	if err != nil {
		return false
	}
	_, err = os.Stat(filepath.Join(home, status.Name))
	return err == nil
}
