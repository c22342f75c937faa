package importer

import (
	"maps"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// endedLook is what the status says that a start of a run which has ended is about.
const endedLook = "look at its target"

// afterEnd tells of a start of a run that has ended: what it waits for, and how it has found the
// target. Numbers, problems and curve stay those of the run.
type afterEnd struct {
	was  status.Status // what the run had told before this start
	told bool          // it had told something
	said bool          // this start has, too, or what is there is a word from a look that did not end
}

// tellEnded tells this moment of such a start, or its end. Whoever has taken the run over tells
// by himself.
func (t *teller) tellEnded(final request.State) {
	r := t.run
	if r.opts.StatusEvery <= 0 || r.ours() != nil {
		return
	}
	e := r.haltedBy()
	switch {
	case final == "":
		t.after.look(t)
	case e != nil && e.Code == target.CodeTargetChanged:
		t.after.write(t, request.StateHalted, "", &request.Halt{Code: e.Code, Cause: e.Cause, Remedy: e.Remedy, Since: r.opts.Now()})
	case final == request.StateDone || final == request.StateErrors:
		t.after.end(t, final)
	case t.after.said:
		t.after.end(t, t.after.before())
	}
}

// beginAfterEnd notes what was told before.
func (t *teller) beginAfterEnd() {
	t.run.hasty.Store(t.run.ended.Done)
	t.after = &afterEnd{}
	was, told := t.run.folder().Last()
	t.after.was, t.after.told = was.Settled(), told
	t.after.said = told && was.State.Working() && was.Changed != nil
}

// look tells what the start does now: a long look, a pause and an outage can be steered.
func (a *afterEnd) look(t *teller) {
	state, halt := t.run.calls.Gate.State()
	a.said = true
	a.write(t, state, t.run.waitsWith(endedLook), halt)
}

// before is the state that holds after a start which has found nothing out. That of a process
// which has gone was none of the run.
func (a *afterEnd) before() request.State {
	if !a.told || a.was.Working() && a.was.Changed == nil {
		return request.StateStopped
	}
	return a.was.State
}

// end tells a state. What was told of it before stays as it was, but for what the start has left
// behind or heard.
func (a *afterEnd) end(t *teller, state request.State) {
	now := a.was
	t.refresh(&now)
	news := !maps.Equal(now.Problems, a.was.Problems) || now.Paused != a.was.Paused
	switch {
	case !a.told && !a.said && !news: // and nothing is known of how it went
	case !a.told && !a.said:
		a.write(t, state, "", nil)
	case a.was.State != state:
		t.run.tellAs(state, "")
	case a.said || news:
		t.write(now)
	}
}

// write tells a state with the run's numbers. One that waits for nothing is the start's last.
func (a *afterEnd) write(t *teller, state request.State, waits string, halt *request.Halt) {
	r := t.run
	s, tally := t.describe(r.snapshot()), r.ended.Tally
	if a.told {
		was := a.was
		was.Host, was.PID, was.Updated = s.Host, s.PID, s.Updated
		s = was
		t.refresh(&s)
	} else {
		s.Outcomes, s.Proofs, s.Remarks = tally.Outcomes, tally.Proofs, tally.Remarks
		s.Progress.Entries, s.Progress.Bytes = tally.Entries(), tally.Bytes
		s.Progress.Objects = tally.Outcomes[entry.OutcomeStored] + tally.Outcomes[entry.OutcomeAlreadyThere]
	}
	s.State, s.Waits, s.Halt, s.Ended, s.BytesPerSecond, s.EntriesPerSecond, s.ETASeconds = state, waits, halt, waits == "" && halt != nil, 0, 0, 0
	if halt != nil && halt.Code == target.CodeTargetChanged {
		s.Changed = halt
	}
	s.Progress.Opens = time.Time{}
	if state == request.StateAsleep {
		s.Progress.Opens = r.opens()
	}
	t.write(s)
}

// stoppedResult is the result of a start that has ended before it had looked at a run which has
// ended: what was signed is.
func (r *run) stoppedResult(end *finished) *Result {
	result := r.result()
	if end.Done && result.Interrupted {
		result.Tally, result.Finished, result.Earlier, result.Receipts = end.Tally, end.At, true, r.receiptFolder()
	}
	return result
}
