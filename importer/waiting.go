package importer

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
)

// The pauses between two looks whether what halted the run is mended, in backoffs:
// by default two seconds, doubling up to a minute.
const (
	firstLook = 10
	lastLook  = 300
)

// waits tells an error that the run can wait out: its cause is outside of the
// process, and mending it needs no other options.
func waits(e *target.Error) bool {
	switch e.Code {
	case target.CodeNoConditions, target.CodeNotChecking, target.CodeStateMismatch, target.CodeStateLocked, target.CodeJournalLost, target.CodeTargetJournal, target.CodeTakenOver, target.CodePageLost, target.CodeCanceled, target.CodeAttributeRefused, target.CodeNoObjectLock:
		return false
	}
	return (e.Class == target.Fixable || e.Class == target.Retryable) && !s3.Endless(e)
}

// waits tells that of this run: a journal that could not be written is not written
// again before the next start.
func (r *run) waits(e *target.Error) bool {
	return waits(e) && (r.journal == nil || r.journal.values.Failed() == nil)
}

// one brings one object to its outcome, waiting for the operator where he has to
// act. The worker that meets such an error first is the run's scout: it tries its
// own object again while all others wait, and with its first success they go on.
func (r *run) one(ctx context.Context, t *transfer) {
	for attempt := ctx; ; {
		began := time.Now()
		e := r.try(attempt, t)
		if e == nil {
			r.goOn(request.ScoutOf(attempt))
			return
		}
		if !request.IsScout(attempt) && r.calls.Gate.OpenedSince(began) {
			continue
		}
		var again bool
		if attempt, again = r.after(ctx, attempt, began, e); !again {
			return
		}
	}
}

// try brings an object to its outcome and journals it. Only an error of the
// object itself is an outcome; all others are returned, for the entry has none.
func (r *run) try(ctx context.Context, t *transfer) *target.Error {
	if r.calls.Stopped() {
		r.leave(nil)
		return nil
	}
	rec, err := r.object(ctx, t)
	t.settled = err == nil
	switch {
	case err == nil && t.completed:
		err = t.forget(ctx)
	case err == nil:
		// Whatever upload is still known of is not needed any more.
		err = r.abort(ctx, t)
	}
	switch {
	case errors.Is(err, errStillHeld):
		r.heldEarlier(t.action.Size)
		return nil
	case errors.Is(err, errHeld):
		r.storedOne()
		r.hold()
		return nil
	}
	failed := err != nil
	if err != nil {
		t.uncount()
		r.late(ctx, t)
	} else {
		t.count(t.action.Size - t.sent.Load())
	}
	switch {
	case err == nil:
		r.calm()
		if rec.Outcome == entry.OutcomeStored {
			r.storedOne()
		}
		err = r.done(ctx, t.page, t.entry, rec, nil)
	case request.OfObject(err):
		if abortErr := r.abort(ctx, t); abortErr != nil {
			err = abortErr
			break
		}
		r.calls.Gate.Move()
		err = r.done(ctx, t.page, t.entry, failure(err), err)
	}
	if t.written && (failed || err != nil) {
		r.unsettled.Store(true)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, request.ErrStopped), target.IsCanceled(err):
		r.leave(nil)
		return nil
	}
	e := target.AsError(err)
	path := t.action.Path
	if strings.HasPrefix(e.Path, r.opts.Prefix+JournalPrefix) {
		path = e.Path // what fails is not the entry's own key
	}
	return &target.Error{Code: e.Code, Path: path, Cause: e.Cause, Remedy: e.Remedy, Class: e.Class, Unknown: e.Unknown, Err: e.Err}
}

// after decides about an object that has no outcome: try it again, under the
// context that is returned, or leave it for a later pass or start.
func (r *run) after(ctx, attempt context.Context, began time.Time, e *target.Error) (next context.Context, again bool) {
	scout := request.ScoutOf(attempt)
	if !r.calls.Gate.Still(scout, e) {
		scout = 0 // it got through, and meets this as any other worker
	}
	switch {
	case e.Class != target.Fixable && scout == 0 && !r.giveUp():
		r.leave(e)
		r.problem(e)
		return nil, false
	case r.ofOneKey(e) && r.takesOthers(attempt):
		if r.goOn(scout); scout != 0 || r.calls.Gate.OpenedSince(began) {
			return ctx, true // it may have been mended while we asked
		}
		r.leaveKey(e)
		return nil, false
	case r.opts.HaltWait <= 0 || !r.waits(e):
		r.leave(e)
		r.halt(e)
		return nil, false
	}
	if scout == 0 {
		if scout = r.stop(e); scout == 0 {
			return ctx, true // behind the gate, until the scout is through
		}
	}
	if !r.scoutAgain(ctx, e) {
		r.leave(e)
		return nil, false
	}
	return context.WithValue(ctx, request.ScoutKey{}, scout), true
}

// stop halts the run for e until a scout gets through. The first one to do so is
// the scout of this halt, whose number is returned; 0 is another's. A halt that was ended
// by what was not its end goes on: it is said again, and its time has begun before.
func (r *run) stop(e *target.Error) (scout uint64) {
	scout, anew := r.calls.Gate.Shut(e, r.opts.Now())
	if scout == 0 {
		return 0
	}
	r.mu.Lock()
	if anew {
		r.haltedAt, r.look = r.opts.Now(), firstLook*r.opts.Backoff
	}
	until, news := r.haltedAt.Add(r.opts.HaltWait), anew || r.waitsFor != e.Code
	r.waitsFor = e.Code
	r.mu.Unlock()
	if news {
		r.problem(e)
	}
	r.opts.Log.Warn("the run waits for you", "code", e.Code, "cause", e.Cause, "do", request.WhileWaiting(e.Remedy), "until", until)
	return scout
}

// scoutAgain waits before the next look; false ends the run, or the wait. Where
// credentials were read anew the target must first show that it is the same one.
func (r *run) scoutAgain(ctx context.Context, e *target.Error) bool {
	for {
		if !r.restBeforeLook(ctx, e) || !r.calls.Awake(ctx) {
			return false
		}
		if !r.renew(ctx) {
			return true
		}
		err := r.recheckRenewed(ctx)
		switch {
		case err == nil:
			return true
		case errors.Is(err, request.ErrStopped) || target.IsCanceled(err):
			return false
		case !r.waits(target.AsError(err)) && !request.OfObject(err): // of the latter, the next look may tell more
			r.halt(target.AsError(err))
			return false
		}
		if why := target.AsError(err); why.Code != e.Code {
			e = why
			r.calls.Gate.Reason(e)
			r.problem(e)
		}
	}
}

// restBeforeLook waits the time between two looks; false ends the run, or the wait.
func (r *run) restBeforeLook(ctx context.Context, e *target.Error) bool {
	r.mu.Lock()
	pause := r.look
	r.look = min(2*r.look, lastLook*r.opts.Backoff)
	over := r.opts.Now().Sub(r.haltedAt) >= r.opts.HaltWait
	r.mu.Unlock()
	if over {
		r.halt(e)
		return false
	}
	return r.calls.Gate.Rest(ctx, pause)
}

// renew reads credentials anew, which an operator may have renewed, and reports whether
// they were read.
func (r *run) renew(ctx context.Context) bool {
	if !r.target.Capabilities().Renew {
		return false
	}
	if err := r.target.Renew(ctx); err != nil {
		r.opts.Log.Warn("credentials could not be read anew", "error", err)
		return false
	}
	return true
}

// goOn ends a halt whose scout got through.
func (r *run) goOn(scout uint64) {
	r.endHalt(func(_ *target.Error, number uint64) bool { return number == scout })
}

func (r *run) endHalt(meant func(halt *target.Error, number uint64) bool) {
	if r.calls.Gate.OpenIf(meant) {
		r.calls.Refill()
	}
}

// haltEnd is until when the operator is waited for.
func (r *run) haltEnd() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.haltedAt.Add(r.opts.HaltWait)
}

// patiently asks the target for something when no worker is left, and waits for the operator
// where he can mend what keeps it from answering, as a worker does.
func (r *run) patiently(ctx context.Context, ask func(context.Context) error) error {
	return r.patientlyIf(ctx, r.waits, ask)
}

// patientlyIf waits for the end of such errors only.
func (r *run) patientlyIf(ctx context.Context, waits func(*target.Error) bool, ask func(context.Context) error) error {
	for attempt := ctx; ; {
		err := ask(attempt)
		if err == nil {
			r.goOn(request.ScoutOf(attempt))
			return nil
		}
		var e *target.Error
		if !errors.As(err, &e) || r.opts.HaltWait <= 0 || !waits(e) {
			return err
		}
		scout := request.ScoutOf(attempt)
		if scout == 0 || !r.calls.Gate.Still(scout, e) {
			scout = r.stop(e)
		}
		if !r.scoutAgain(ctx, e) {
			return err
		}
		attempt = context.WithValue(ctx, request.ScoutKey{}, scout)
	}
}

// keep makes a durable step, and waits for room if the state folder's disk is full. That
// there is room again ends this wait, and no other.
func (r *run) keep(ctx context.Context, f func() error) error {
	for waited := false; ; waited = true {
		err := f()
		if target.HasCode(err, target.CodeJournalFull) && r.opts.HaltWait > 0 && r.waits(target.AsError(err)) {
			r.stop(target.AsError(err))
			if r.scoutAgain(ctx, target.AsError(err)) {
				continue
			}
		}
		if waited { // whatever became of it: nobody else looks after this halt
			r.endHalt(func(halt *target.Error, _ uint64) bool { return halt.Code == target.CodeJournalFull })
		}
		return err
	}
}

// waitForPass waits before the entries that were left are tried again. It returns
// false where that would be in vain.
func (r *run) waitForPass(ctx context.Context, before uint64) bool {
	r.mu.Lock()
	if r.lost > 0 {
		r.mu.Unlock()
		return false // what an earlier start did on such a page is counted by the next one
	}
	e, moved := r.left, r.tally.Entries() > before
	if moved || r.haltedAt.IsZero() {
		r.haltedAt, r.look = r.opts.Now(), firstLook*r.opts.Backoff
	}
	r.mu.Unlock()
	if e == nil || !r.waits(e) || r.opts.HaltWait <= 0 || r.behind() {
		return false
	}
	if _, anew := r.calls.Gate.Shut(e, r.opts.Now()); anew {
		r.opts.Log.Warn("the run waits for you", "code", e.Code, "cause", e.Cause, "do", request.WhileWaiting(e.Remedy), "until", r.haltEnd())
	}
	if !r.scoutAgain(ctx, e) {
		return false
	}
	if r.calls.Gate.OpenQuietly(func(*target.Error, uint64) bool { return true }) {
		r.calls.Refill()
	}
	return true
}
