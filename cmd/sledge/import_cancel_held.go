package main

import (
	"fmt"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/statefolder"
)

// holderOf names the process that has the state folder. It is an error where that one is at work on
// another run: the run to cancel is nobody's to stop, and that process is not asked. It may hold the
// folder for hours. One that cancels the other run ends soon.
func holderOf(state, runID string) (string, error) {
	by, err := statefolder.HeldBy(state)
	switch {
	case err != nil:
		return "", err
	case by == nil || by.Run != runID && by.State == request.StateCanceled:
		return "the process that has the state folder", nil
	case by.Run == runID:
		return fmt.Sprintf("process %d on %s", by.PID, by.Host), nil
	}
	return "", hint(asTargetError(target.NewError(target.CodeStateLocked, state, fmt.Sprintf("process %d on %s holds it for run %s: run %s was not canceled", by.PID, by.Host, by.Run, runID), nil)),
		"wait until run %s has ended, or interrupt that process, then run the same command again", by.Run)
}
