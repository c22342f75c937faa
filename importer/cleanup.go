package importer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// cleanUpTurn is what the status says that a run waits with.
const cleanUpTurn = "clean-up"

// cleanUp removes from the target what a complete run needs no more. Where the bucket keeps that
// for a moment longer, Options.CleanUpLater leaves it to Result.CleanUp.
func (r *run) cleanUp(ctx context.Context, end *finished, result *Result) error {
	if !result.Complete {
		return nil
	}
	if _, waits := r.calls.KeptFor(); waits && r.opts.CleanUpLater {
		result.later = end
		return nil
	}
	return r.cleanUpNow(ctx, end)
}

func (r *run) cleanUpNow(ctx context.Context, end *finished) error {
	r.hasty.Store(true)
	defer r.hasty.Store(false)
	defer r.lateWork(cleanUpTurn)()
	if !end.Cleared || r.hasKept() {
		r.removeKept(ctx, true)
	}
	switch {
	case r.mirror != nil:
		return r.clearMirror(ctx, end)
	case !end.Cleared:
		return r.unmark(ctx, end)
	}
	return nil
}

// CleanUp does what Options.CleanUpLater has put off, and returns nil where that is nothing. It
// waits for the end of the objects' retention, in the run's hours and while no operator pauses
// it; several runs wait side by side. The state folder must still be held. What cannot be
// removed is named as by Run, also where the wait is stopped; the next start tries again. An
// error is of the state folder.
func (res *Result) CleanUp(ctx context.Context) (err error) {
	r, end := res.run, res.later
	if end == nil {
		return nil
	}
	res.later = nil
	if r.journal, err = openJournal(r.opts.StateDir, r.base); err != nil {
		return err
	}
	defer func() {
		if closeErr := r.journal.close(); err == nil {
			err = closeErr
		}
	}()
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	r.calls.EndWith(ctx)
	r.calls.StopAt(waiting.Done())
	if r.cancel = stop; r.asked.Load() {
		stop()
	}
	t := r.newTurn(cleanUpTurn)
	t.waited = true
	r.tellAs(request.StateRunning, cleanUpTurn)
	unwatch := r.watchMirror(waiting)
	if err = t.await(waiting); err == nil || !isLost(err) {
		err = t.hearing(waiting, func() error { return r.cleanUpNow(waiting, end) })
	}
	unwatch()
	if isLost(err) {
		err = nil // whoever has the run by now removes it
	}
	t.over(res.State(nil))
	return err
}

// hasKept reports whether objects wait for the end of their retention.
func (r *run) hasKept() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.keptKeys) > 0
}

// takeUpKept takes over what an earlier start could not remove yet.
func (r *run) takeUpKept() {
	if len(r.header.Kept) == 0 {
		return
	}
	r.mu.Lock()
	r.keptKeys = slices.Clone(r.header.Kept)
	r.mu.Unlock()
	r.calls.KeptEarlier(r.header.KeptUntil)
}

// noteKept makes durable what waits for the end of its retention: whatever becomes of this
// process, the next start removes it.
func (r *run) noteKept() error {
	r.mu.Lock()
	keys := slices.Clone(r.keptKeys)
	r.mu.Unlock()
	until, _ := r.calls.Kept()
	return r.storeKept(keys, until)
}

func (r *run) storeKept(keys []string, until time.Time) error {
	if slices.Equal(keys, r.header.Kept) {
		return nil
	}
	r.header.Kept, r.header.KeptUntil = keys, until
	return r.journal.store(headerKey, r.header, true)
}

// removeKept removes, at the end of a run, what its probes could not remove before its
// retention was over, and names what is left then. Without wait it is only named.
func (r *run) removeKept(ctx context.Context, wait bool) {
	r.mu.Lock()
	keys := r.keptKeys
	r.keptKeys = nil
	r.mu.Unlock()
	if len(keys) == 0 {
		return // what an earlier call of this start has left stays noted
	}
	until, _ := r.calls.Kept()
	p := probe.New(r.target, r.calls, r.opts.Prefix+probe.Prefix, target.Attributes{})
	over := wait && r.calls.Outlast(ctx)
	for _, key := range keys {
		if !over || p.Remove(ctx, key) != nil {
			p.Leave(key)
		}
	}
	if err := r.storeKept(p.Found().Left, until); err != nil {
		r.opts.Log.Debug("what is left of probes", "error", err)
	}
	r.nameLeft(probe.Report{Left: p.Found().Left})
}

// notRemoved is why the marker of a run is left.
func notRemoved(err error) string {
	if errors.Is(err, request.ErrStopped) || target.IsCanceled(err) {
		return "stopped before it was removed"
	}
	return target.AsError(err).Cause
}
