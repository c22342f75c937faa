package importer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sledge-io/sledge/importer/request"
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
	r.calls.EndWith(ctx)
	r.calls.StopAt(waiting.Done())
	if r.cancel = stop; r.asked.Load() {
		stop()
	}
	r.hasty.Store(true)
	t := r.newTurn(markerTurn)
	unwatch := r.watchMirror(waiting)
	at := r.commitStore()
	if err = t.await(waiting); err == nil {
		err = t.hearing(waiting, func() error {
			if err := at.Put(waiting, marker, a); err != nil {
				return err
			}
			return at.committedMeanwhile(waiting)
		})
	}
	unwatch()
	switch {
	case err == nil:
		t.over(res.State(nil))
	case target.HasCode(err, target.CodeTakenOver):
		t.over(request.StateTaken)
	case target.HasCode(err, target.CodeCanceled):
		t.over(request.StateCanceled)
	default:
		t.overBy(err)
	}
	switch {
	case err == nil:
		return at.key, nil
	case errors.Is(err, request.ErrStopped) && (target.IsUnknown(err) || at.openEarlier()):
		err = errors.Join(ctx.Err(), fmt.Errorf("%s: %w", notKnown, context.Canceled))
	case errors.Is(err, request.ErrStopped):
		err = errors.Join(ctx.Err(), fmt.Errorf("no commit marker was written: %w", context.Canceled))
	}
	return "", err
}

// mayCommit looks at everything that tells whose the run is.
func (r *run) mayCommit(ctx context.Context) error {
	if err := errors.Join(r.lostTo(), r.ours(), r.givenUp()); err != nil {
		return err
	}
	m := r.mirrored()
	if m == nil {
		return nil
	}
	return m.check(ctx)
}

// committedMeanwhile is an error where the run was taken over, or canceled, while its marker was
// being written: whoever did that may not have found it.
func (s *CommitStore) committedMeanwhile(ctx context.Context) error {
	err := s.run.mayCommit(ctx)
	if !isLost(err) {
		return nil // it was asked a moment ago
	}
	return s.lostMeanwhile(err, "it is there now")
}

// hearing does what may wait at the gate: meanwhile the operator is heard, and whoever watches
// is told what the run waits for. A run that is not ours any more waits no longer.
func (t *turn) hearing(ctx context.Context, do func() error) error {
	ctx, done := context.WithCancel(ctx)
	var gone sync.WaitGroup
	gone.Go(func() { t.hearUntil(ctx) })
	defer gone.Wait()
	defer done()
	return do()
}

func (t *turn) hearUntil(ctx context.Context) {
	r := t.run
	for r.calls.Gate.Rest(ctx, r.tellEvery()) {
		r.hear(r.teller)
		if r.lostTo() != nil {
			r.cancel()
			return
		}
		t.tell(ctx)
		t.waited = true
	}
}
