package main

import (
	"slices"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
)

// conflictCodes are those of entries whose key is there and that were not stored.
var conflictCodes = []target.Code{target.CodeConflict, target.CodeCannotCompare, target.CodeArchived, target.CodeNotShown}

// conflictHints gives each kind of conflict that a run has met its own advice: an object in
// an archive class, for one, is not to be moved away.
func conflictHints(r *importer.Result, err error) error {
	var hints []string
	for _, info := range target.Codes() {
		if slices.Contains(conflictCodes, info.Code) && r.Named[info.Code] > 0 {
			hints = append(hints, string(info.Code)+": "+info.Remedy)
		}
	}
	if len(hints) == 0 || len(hints) == 1 && r.Named[target.CodeConflict] > 0 {
		return err
	}
	return &hinted{Err: err, Hints: hints}
}
