package keyless

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/files"
)

// ReceiptsFolders takes folders of receipts as they are. Which of an import's state folder
// are its receipts, "sledge verify" finds out.
func ReceiptsFolders(names []string) ([]string, error) {
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(name, "log", "checkpoint")); err != nil {
			return nil, advice.Hint(fmt.Errorf("%s: no receipts: %w", name, err), "name the folder that has log/checkpoint, objects.list and total.dsse")
		}
	}
	return names, nil
}

// markName is the file that says that a run was given up, in its receipts or in the folder
// around them.
const (
	markName = "cancel.json"
	maxMark  = 4 << 10
)

// CanceledIn looks for the mark of a run that was given up, in the folder of its receipts and
// in the one around it. One that cannot be parsed is a mark all the same, and where the run is
// not known ("") any counts.
func CanceledIn(receipts, run string) (*Mark, error) {
	for _, folder := range []string{receipts, filepath.Dir(filepath.Clean(receipts))} {
		text, err := files.ReadIn(folder, markName, maxMark)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var m Mark
		if json.Unmarshal(text, &m) != nil {
			m = Mark{}
		}
		if m.Run == "" || run == "" || m.Run == run {
			return &m, nil
		}
	}
	return nil, nil
}
