package request

import (
	"context"
	"time"
)

// StopGrace is what requests that are under way are given once the operator has ended the
// command. What becomes of one that is cut short then is looked up by the next start, as after
// a crash.
const StopGrace = 3 * time.Second

// cutShort is the cause of a call's end by the operator. For whoever called it is a stop, whose
// outcome is not known.
type cutShort struct{}

func (cutShort) Error() string { return "ended before its answer, as was asked" }

func (cutShort) Is(target error) bool { return target == ErrStopped }

// OfContext is an error of calls that ctx has ended, as ctx says it: what a request was answered
// before, or that its wait for the next attempt was cut short, is no fault of the target.
func OfContext(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// endWith ends the calls that are under way soon after a context, and lets no other begin.
func (c *Caller) EndWith(ctx context.Context) {
	context.AfterFunc(ctx, func() { c.EndIn(StopGrace, StopGrace) })
}

// endIn ends what is under way after a grace, each Complete after one of its own.
// endNow ends them at once, with a cause.
func (c *Caller) EndNow(why error) { c.cutNow(why) }

func (c *Caller) EndIn(grace, join time.Duration) {
	time.AfterFunc(grace, func() { c.cutNow(cutShort{}) })
	time.AfterFunc(join, func() { c.joins.endNow(cutShort{}) })
}
