package main

import (
	"context"
	"fmt"

	"github.com/sledge-io/sledge/importer"
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
	return "", heldFor(by, state, runID)
}

func heldFor(by *statefolder.Status, state, runID string) error {
	return hint(asTargetError(target.NewError(target.CodeStateLocked, state, fmt.Sprintf("process %d on %s holds it for run %s: run %s was not canceled", by.PID, by.Host, by.Run, runID), nil)),
		"wait until run %s has ended, or interrupt that process, then run the same command again", by.Run)
}

// takenOver takes the state folder over for a cancel. What holds it loses it for good, so it must be
// known to be at work on the run, or at least no other run may be all that the folder knows.
func (f *importFlags) takenOver(ctx context.Context, state string) (*importer.Folder, error) {
	folder, err := importer.OpenState(state)
	if !target.HasCode(err, target.CodeStateLocked) {
		return folder, statefolder.Unusable(state, asTargetError(err))
	}
	if err := mayTakeOver(state, f.runID); err != nil {
		return nil, err
	}
	folder, err = f.openState(ctx, state)
	return folder, asTargetError(err)
}

func mayTakeOver(state, runID string) error {
	by, err := statefolder.HeldBy(state)
	switch {
	case err != nil:
		return err
	case by != nil && by.Run == runID:
		return nil
	case by != nil:
		return heldFor(by, state, runID)
	}
	if may, err := statefolder.MayKnow(state, runID); may || err != nil {
		return err
	}
	return asTargetError(target.NewError(target.CodeStateMismatch, state, "no run "+runID+" was begun in this state folder, which a process holds: nothing was canceled", nil))
}
