package request

import (
	"context"
	"sync/atomic"
	"time"
)

// JoinGrace is what each Complete is given by a stop from another terminal: a store that is cut
// short while it joins parts may have the object later, when nobody looks any more. Whoever asked
// waits five minutes.
const JoinGrace = 4 * time.Minute

// joins are the Completes that are under way.
type joins struct {
	now    atomic.Int64
	cut    context.Context // ends them, with its cause
	endNow context.CancelCauseFunc
}

func newJoins() *joins {
	cut, end := context.WithCancelCause(context.Background())
	return &joins{cut: cut, endNow: end}
}

// cutOf is what ends a call early. ended says that the call is over.
func (c *Caller) cutOf(what Call) (cut context.Context, ended func()) {
	if what.Name != CompleteMultipartUpload || what.Aside {
		return c.cut, func() {}
	}
	c.joins.now.Add(1)
	return c.joins.cut, func() { c.joins.now.Add(-1) }
}

// Joining is how many Completes are under way.
func (c *Caller) Joining() int64 { return c.joins.now.Load() }
