package statefolder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/internal/importreport"
)

// Canceled is that of the run which a folder of receipts is of: in the receipts
// themselves, in the run's folder around them, or where the state is after a takeover. An
// error tells that one of these could not be looked at.
func Canceled(receipts string) (*receipt.CancelMark, error) {
	folders, unseen := foldersOf(receipts)
	run := importreport.RunOf(os.DirFS(receipts))
	for _, folder := range folders {
		mark, err := importreport.Canceled(os.DirFS(folder), run)
		if mark != nil || err != nil && !errors.Is(err, fs.ErrNotExist) {
			return mark, err
		}
	}
	return nil, unseen
}

// isCanceled reports whether a state folder's run was given up, as far as it can be read.
func isCanceled(state string) bool {
	home, err := importer.StateHome(state)
	if err != nil {
		return false
	}
	mark, err := importreport.Canceled(os.DirFS(home), "")
	return mark != nil && err == nil
}

// Changed is what a start after the run's end has found of its objects, if they were not in
// the target any more: nil is nothing, or no status that can be read. After a takeover the status
// that was left behind says nothing of what was found since.
func Changed(receipts string) *request.Halt {
	folders, _ := foldersOf(receipts)
	for _, folder := range slices.Backward(folders) {
		if halt, told := importreport.Changed(os.DirFS(folder)); told {
			return halt
		}
	}
	return nil
}

// foldersOf are where a run of these receipts may have left its word, the newest last. An error
// tells that one of them could not be looked at.
func foldersOf(receipts string) (folders []string, unseen error) {
	run := filepath.Dir(filepath.Clean(receipts))
	state, base := run, ""
	if above := filepath.Dir(run); filepath.Base(above) == importer.RunsFolder {
		state, base = filepath.Dir(above), filepath.Join(importer.RunsFolder, filepath.Base(run))
	}
	folders = []string{receipts, run}
	home, unseen := importer.StateHome(state)
	switch {
	case errors.Is(unseen, fs.ErrNotExist):
		unseen = nil
	case unseen != nil:
		unseen = fmt.Errorf("whether the run was canceled is not known: state folder %s: %w", state, unseen)
	case home != state:
		folders = append(folders, filepath.Join(home, base))
	}
	return folders, unseen
}
