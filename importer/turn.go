package importer

import (
	"context"
	"errors"
	"log/slog"
	"maps"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// turn is a wait before something that nobody must do while the operator pauses the run, nor
// outside of its hours: the first request of a start, its commit marker.
type turn struct {
	run    *run
	waits  string        // what waits; "" is a start
	was    status.Status // what the run had told before
	told   bool
	waited bool
	said   bool // a notice has said that it waits
}

func (r *run) newTurn(waits string) *turn {
	t := &turn{run: r, waits: waits}
	was, told := r.folder().Last()
	t.was, t.told = was.Settled(), told
	return t
}

// await waits. A stop that is asked for meanwhile is ErrStopped; where another process has taken
// the run over, or given it up, it ends with that.
func (t *turn) await(ctx context.Context) error {
	for r := t.run; ; t.waited = true {
		r.hear(r.teller)
		if err := r.lostTo(); err != nil {
			return err
		}
		switch {
		case ctx.Err() != nil:
			return request.ErrStopped
		case r.calls.Gate.MayGoOn():
			return nil
		}
		t.tell(ctx)
		r.calls.Gate.Rest(ctx, r.tellEvery())
	}
}

// tell tells whoever watches that the run waits.
func (t *turn) tell(ctx context.Context) {
	r := t.run
	state, _ := r.calls.Gate.State()
	if state != request.StateRunning && !t.said {
		t.said = true
		text := "the run has not begun: "
		if t.waits != "" {
			text = "the " + t.waits + " waits: "
		}
		r.opts.Log.Log(ctx, request.LevelNotice, text+string(state), slog.String("run", r.opts.RunID))
	}
	if t.waits == "" && r.opts.Progress != nil { // of a run that has ended nobody watches it
		r.opts.Progress(r.snapshot())
	}
	r.tellAs(state, t.waits)
}

// over tells the state after the wait. What was told of a state before stays as it was.
func (t *turn) over(state request.State) {
	switch {
	case t.run.opts.StatusEvery <= 0 || heldBy(t.run.opts.StateDir)() != nil:
		// another process tells
	case t.told && t.was.State == state:
		now := t.was
		t.run.teller.refresh(&now)
		if t.waited || !maps.Equal(now.Problems, t.was.Problems) {
			t.run.teller.write(now)
		}
	default:
		t.run.tellAs(state, "")
	}
}

// overBy tells why what has waited was not done. What the target has answered needs the operator.
func (t *turn) overBy(err error) {
	var e *target.Error
	if !errors.As(err, &e) || errors.Is(err, request.ErrStopped) || target.IsCanceled(err) {
		t.over(request.StateStopped)
		return
	}
	if r := t.run; r.opts.StatusEvery > 0 && heldBy(r.opts.StateDir)() == nil {
		s := r.tellAs(request.StateHalted, "")
		s.Halt, s.Ended = &request.Halt{Code: e.Code, Cause: e.Cause, Remedy: e.Remedy, Since: r.opts.Now()}, true
		r.teller.write(s)
	}
}

// awaitTurn waits with the first request of a start.
func (r *run) awaitTurn(ctx context.Context) error {
	if r.canceling {
		return nil
	}
	t := r.newTurn("")
	err := t.await(ctx)
	if !t.waited {
		return err
	}
	state := request.StateRunning
	switch {
	case t.told && (!t.was.Working() || t.was.Changed != nil):
		state = t.was.State
	case err != nil:
		state = request.StateStopped
	}
	t.over(state)
	return err
}

// lostTo is why the run is not this process's any more, as far as it was heard.
func (r *run) lostTo() error {
	if e := r.haltedBy(); e != nil {
		return e
	}
	if err := r.givenUp(); target.HasCode(err, target.CodeCanceled) {
		return err
	}
	return nil
}

// givenUp is CodeCanceled where a cancel has marked the run in the state folder.
func (r *run) givenUp() error {
	mark, err := r.markIn(r.base)
	if err != nil || mark == nil || !mark.Of(r.opts.RunID) { // of another run, which had not begun
		return err
	}
	return target.NewError(target.CodeCanceled, "", "run "+r.opts.RunID, nil)
}

// awaitSigning waits while the operator pauses the run, and outside of its hours, until the
// run is seen to be ours at a moment at which it may sign.
func (r *run) awaitSigning(ctx context.Context) error {
	g := r.calls.Gate
	for {
		if !r.calls.Awake(ctx) {
			return request.ErrStopped
		}
		if err := errors.Join(r.ours(), r.patiently(ctx, r.mustHold)); err != nil || g.MayGoOn() {
			return err
		}
	}
}
