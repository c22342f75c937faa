package importer

import (
	"context"
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/importer/target"
)

// markerTurn is what the status says that a run waits with.
const markerTurn = "commit marker"

// Commit writes the commit marker of a run that has ended complete: in its hours, and while no
// operator pauses it. The state folder must still be held. Nothing is written where another
// process has taken the run over, or canceled it, since it was signed. One that did so during
// the write itself is an error, too. A stop that an operator asks for is context.Canceled.
func (res *Result) Commit(ctx context.Context, marker []byte, a target.Attributes) (key string, err error) {
	r := res.run
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	r.calls.endWith(ctx)
	if r.cancel, r.calls.stop = stop, waiting.Done(); r.asked.Load() {
		stop()
	}
	t := r.newTurn(markerTurn)
	unwatch := r.watchMirror(waiting)
	err = t.await(waiting)
	unwatch()
	at := r.commitStore()
	if err == nil {
		err = at.Put(ctx, marker, a)
	}
	if err == nil {
		err = r.committedMeanwhile(ctx)
	}
	switch {
	case err == nil:
		t.over(res.State(nil))
	case target.HasCode(err, target.CodeTakenOver):
		t.over(StateTaken)
	case target.HasCode(err, target.CodeCanceled):
		t.over(StateCanceled)
	default:
		t.over(StateStopped)
	}
	switch {
	case err == nil:
		return at.key, nil
	case errors.Is(err, errStopped) && target.IsUnknown(err):
		err = errors.Join(ctx.Err(), fmt.Errorf("whether the commit marker was written is not known: %w", context.Canceled))
	case errors.Is(err, errStopped):
		err = errors.Join(ctx.Err(), fmt.Errorf("no commit marker was written: %w", context.Canceled))
	}
	return "", err
}

// mayCommit looks at everything that tells whose the run is.
func (r *run) mayCommit(ctx context.Context) error {
	if err := errors.Join(r.lostTo(), r.ours(), r.givenUp()); err != nil {
		return err
	}
	m := r.mirror
	if m == nil {
		m = r.former
	}
	if m == nil {
		return nil
	}
	return m.check(ctx)
}

// committedMeanwhile is an error where the run was taken over, or canceled, while its marker was
// being written: whoever did that may not have found it.
func (r *run) committedMeanwhile(ctx context.Context) error {
	err := r.mayCommit(ctx)
	if !target.HasCode(err, target.CodeTakenOver) && !target.HasCode(err, target.CodeCanceled) {
		return nil // it was asked a moment ago
	}
	e := *target.AsError(err)
	e.Path, e.Cause = r.opts.Prefix+r.opts.Marker, "while the commit marker was being written, which is there now: "+e.Cause
	e.Remedy += "; if the run was canceled, remove the marker, or cancel it again with --commit-marker"
	return &e
}
