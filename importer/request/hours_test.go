package request

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestHoursBeginMeanwhile: the hours begin between the look that finds them over and the wait
// for them, whichever look that is. Nobody then waits for a change that was missed.
func TestHoursBeginMeanwhile(t *testing.T) {
	for name, pass := range map[string]func(ctx context.Context, g *gate, stop chan struct{}) bool{
		"a call":       func(ctx context.Context, g *gate, stop chan struct{}) bool { return g.Pass(ctx, stop) == nil },
		"a halted run": func(ctx context.Context, g *gate, stop chan struct{}) bool { return g.awake(ctx, stop) },
		"a look":       func(ctx context.Context, g *gate, stop chan struct{}) bool { return g.within(ctx, stop) },
	} {
		for looks := 1; looks < 5; looks++ {
			synctest.Test(t, func(t *testing.T) {
				g, n := newGate(), 0
				g.InTime = func() bool { n++; return n > looks }
				began := time.Now()
				ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
				defer cancel()
				stop := make(chan struct{})
				defer context.AfterFunc(ctx, func() { close(stop) })()
				if !pass(ctx, g, stop) || time.Since(began) > time.Minute {
					t.Errorf("%s, %d looks: passed after %v", name, looks, time.Since(began))
				}
			})
		}
	}
}
