// Package pause waits for times below a millisecond, too: a Go timer of an idle
// program ends up to a millisecond late.
package pause

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// exact is how long before the end the timer gives way to the system's own sleep.
const exact = 2 * time.Millisecond

// For waits for d, or until ctx ends, whose cause it returns then. It notices the
// end of ctx only while more than two milliseconds are left.
func For(ctx context.Context, d time.Duration) error { return Until(ctx, time.Now().Add(d)) }

// Until waits as For does, for a time. It does not wait for one that is past.
func Until(ctx context.Context, when time.Time) error {
	if left := time.Until(when) - exact; left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for left := time.Until(when); left > 0; left = time.Until(when) {
		ts := unix.NsecToTimespec(left.Nanoseconds())
		_ = unix.Nanosleep(&ts, nil) // a signal ends it early: the loop sleeps again
	}
	return context.Cause(ctx)
}
