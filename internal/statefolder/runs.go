package statefolder

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/importreport"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Around is the state folder that a folder of one of its runs, or of a run's receipts,
// lies in, and where in it; ok is false where there is none.
func Around(folder string) (state, in string, ok bool) {
	folder = filepath.Clean(folder)
	if _, err := os.Stat(filepath.Join(folder, "log", "checkpoint")); err == nil { // receipts
		folder = filepath.Dir(folder)
	}
	if up := filepath.Dir(folder); filepath.Base(up) == importer.RunsFolder {
		state, in = filepath.Dir(up), importer.RunsFolder+"/"+filepath.Base(folder)
	} else if home, err := importer.StateHome(folder); err == nil {
		state, in = home, "."
	}
	return state, in, state != "" && (isState(folder) || isState(state))
}

// runsOf are the runs of a state folder.
func runsOf(state string) []importreport.Run {
	home, err := importer.StateHome(state)
	if err != nil {
		return nil
	}
	root, err := os.OpenRoot(home)
	if err != nil {
		return nil
	}
	defer root.Close()
	return importreport.Runs(vfs.Plain(root))
}

// whichRun says what to name where a state folder holds several runs.
func whichRun(state string, runs []importreport.Run) string {
	return "name the folder of the run that is meant: " + importreport.RunsText(runs, func(r importreport.Run) string {
		if !r.Fits() {
			return r.Text()
		}
		return fmt.Sprintf("%s is %s", filepath.Join(state, r.Folder, r.Receipts), r.Text())
	})
}

// noteRuns says which runs the state folder of receipts holds besides theirs.
func noteRuns(receipts string, tell Tell) {
	state, in, ok := Around(receipts)
	if !ok {
		return
	}
	if runs := runsOf(state); len(runs) > 1 {
		tell.Note("%s is of one of %d runs in %s: %s", receipts, len(runs), state, importreport.RunsText(runs, func(r importreport.Run) string {
			if r.Folder == in {
				return r.Text() + ", which was taken"
			}
			return r.Text()
		}))
	}
}
