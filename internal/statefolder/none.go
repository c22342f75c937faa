package statefolder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/importreport"
)

// NoRun is the error for a name, given or caught by a pattern, that is no import's folder.
func NoRun(name string) error {
	info, err := os.Stat(name)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, plainError(err))
	case !info.IsDir():
		return advice.Hint(fmt.Errorf("%s: %w: not a folder", name, importreport.ErrNothing), "leave it out: if a pattern has caught it, name the folders of the imports alone")
	}
	err = fmt.Errorf("%s: %w", name, importreport.ErrNothing)
	if inside := statesIn(name); len(inside) > 0 {
		return advice.Hint(err, "it holds the state folders of imports; name them: %s", strings.Join(inside, " "))
	}
	return advice.Hint(err, "name the state folder of an import (--state of sledge import run, or runs/ID in it), or its receipts; if a pattern has caught this one, leave it out")
}

// plainError is the cause of an error that names the path itself.
func plainError(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

// statesIn are the folders right in a folder in which imports have been at work, as import
// run --all makes them. Of many only the first are named.
func statesIn(folder string) (names []string) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	const most = 5
	for _, e := range entries {
		if name := filepath.Join(folder, e.Name()); e.IsDir() && isState(name) {
			if len(names) == most {
				return append(names, "…")
			}
			names = append(names, name)
		}
	}
	return names
}

// Together joins errors of several names: each is told, and the hints of the first help.
func Together(bad []error) error {
	if len(bad) < 2 {
		return errors.Join(bad...)
	}
	var own *advice.Hinted
	all := errors.Join(bad...)
	if errors.As(bad[0], &own) {
		return &advice.Hinted{Err: all, Hints: own.Hints}
	}
	return all
}
