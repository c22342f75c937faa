package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/importreport"
)

// receiptsFolders are the folders of receipts that are named, where the state folder
// of an import stands for its newest receipts: after a retry or a takeover they are
// not where they were.
func (a *app) receiptsFolders(names []string) (folders []string, err error) {
	var bad []error
	for _, name := range names {
		folder, err := a.receiptsFolder(name)
		if err != nil {
			bad = append(bad, err)
			continue
		}
		a.noteRuns(folder)
		folders = append(folders, folder)
	}
	return folders, together(bad)
}

func (a *app) receiptsFolder(name string) (string, error) {
	if _, err := os.Stat(filepath.Join(name, "log", "checkpoint")); err == nil {
		state := filepath.Dir(filepath.Clean(name))
		if newest, err := newestReceipts(state); err == nil && isState(state) && newest != filepath.Clean(name) {
			a.warn("%s are not the newest receipts of that import: those are in %s", name, newest)
		}
		return name, nil
	}
	if runs := runsOf(name); len(runs) > 1 {
		return "", hint(usagef("%s holds several runs", name), "%s", whichRun(name, runs))
	}
	folder, err := newestReceipts(name)
	switch {
	case errors.Is(err, importreport.ErrNoReceipts) && isState(name):
		return "", hint(fmt.Errorf("%s: %w", name, err), "see how the run does: sledge import status %s", name)
	case err != nil && !isState(name):
		return "", noRun(name)
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
	_, err = os.Stat(filepath.Join(home, importer.StatusName))
	return err == nil
}
