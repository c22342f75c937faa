package importer

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// joinGrace is what each Complete is given by a stop from another terminal: a store that is cut
// short while it joins parts may have the object later, when nobody looks any more. Whoever asked
// waits five minutes.
const joinGrace = 4 * time.Minute

// joins are the Completes that are under way.
type joins struct {
	now    atomic.Int64
	said   atomic.Bool     // that they are waited for
	cut    context.Context // ends them, with its cause
	endNow context.CancelCauseFunc
}

func newJoins() *joins {
	cut, end := context.WithCancelCause(context.Background())
	return &joins{cut: cut, endNow: end}
}

// cutOf is what ends a call early. ended says that the call is over.
func (c *caller) cutOf(what call) (cut context.Context, ended func()) {
	if what.name != callComplete || what.aside {
		return c.cut, func() {}
	}
	c.joins.now.Add(1)
	return c.joins.cut, func() { c.joins.now.Add(-1) }
}

// waitsForJoins is what a run that was asked to stop waits for; "" is nothing.
func (r *run) waitsForJoins() string {
	n := r.calls.joins.now.Load()
	if n == 0 || !r.asked.Load() {
		return ""
	}
	return fmt.Sprintf("the answers to %d %s, at most %s", n, callComplete, joinGrace)
}

// sayJoins tells the operator of the run, who has not asked for the stop, once: it may be asked for again.
func (r *run) sayJoins() {
	if text := r.waitsForJoins(); text != "" && !r.calls.joins.said.Swap(true) {
		r.opts.Log.Log(context.Background(), LevelNotice, "the stop waits for "+text)
	}
}

// intendJoin makes known, durably, that the upload is about to be completed, and looks whether the
// run is still ours: who takes it over, or cancels it, after that look knows of it.
func (t *transfer) intendJoin(ctx context.Context) error {
	t.upload.Joins = t.run.opts.Now().UTC()
	return t.run.keepUpload(ctx, t, t.upload)
}

// joinRefused takes that back where it is certain that nothing comes of it.
func (t *transfer) joinRefused() error {
	if t.unsure {
		return nil
	}
	t.upload.Joins = time.Time{}
	return t.run.journal.setUpload(t.at, t.upload)
}
