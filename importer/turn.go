package importer

import (
	"context"
	"errors"
	"log/slog"
	"path"

	"github.com/sledge-io/sledge/internal/vfs"
)

// awaitTurn waits, before the first request of a start, while the operator pauses the run
// and outside of its hours. A stop that is asked for meanwhile is errStopped.
func (r *run) awaitTurn(ctx context.Context) error {
	if r.canceling {
		return nil
	}
	for told := false; ; told = true {
		r.hear(r.teller)
		state, _ := r.calls.gate.state()
		switch {
		case ctx.Err() != nil:
			return errStopped
		case state == StateRunning:
			return nil
		case !told:
			r.opts.Log.Log(ctx, LevelNotice, "the run has not begun: "+string(state))
		}
		if r.opts.Progress != nil {
			r.opts.Progress(r.snapshot())
		}
		if !r.calls.gate.rest(ctx, r.tellEvery()) {
			return errStopped
		}
	}
}

// awaitSigning waits while the operator pauses the run, and outside of its hours, until the
// run is seen to be ours at a moment at which it may sign.
func (r *run) awaitSigning(ctx context.Context) error {
	g := r.calls.gate
	for {
		if !g.awake(ctx, r.calls.stop) {
			return errStopped
		}
		if err := errors.Join(r.ours(), r.patiently(ctx, r.mustHold)); err != nil || g.mayGoOn() {
			return err
		}
	}
}

// Await waits until a request that belongs to a run, and that Run does not make, may begin:
// in the run's hours, and while no operator pauses it. base is the run's folder in the
// state folder. It returns the error of ctx, if that ends the wait.
func Await(ctx context.Context, o Options, base string) error {
	o = o.withDefaults()
	for told := false; ; told = true {
		state := StateRunning
		switch {
		case !o.Hours.open(o.Now()):
			state = StateAsleep
		case o.StatusEvery > 0 && o.StateDir != nil && pausedIn(o.StateDir, base):
			state = StatePaused
		}
		if state == StateRunning {
			return nil
		}
		if !told {
			o.Log.Log(ctx, LevelNotice, "the commit marker waits: "+string(state), slog.String("run", o.RunID))
		}
		if err := pause(ctx, hoursLook); err != nil {
			return err
		}
	}
}

// pausedIn reports whether the last word of an operator is to pause.
func pausedIn(disk vfs.FS, base string) bool {
	text, err := vfs.ReadFile(disk, path.Join(base, ControlName), maxControl)
	if err != nil {
		return false // nobody has asked for anything
	}
	c, err := readControl(text)
	return err == nil && c.Want == WantPause
}
