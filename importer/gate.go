package importer

import (
	"context"
	"sync"
	"time"
)

// gate holds back what has not begun: while the operator pauses the run, outside
// of its hours, and while it waits for the operator to mend something. What has
// begun is never broken off.
type gate struct {
	mu      sync.Mutex
	paused  bool   // by the operator
	asleep  bool   // by the clock
	halt    *Error // why it waits for the operator
	turn    uint64 // of the halts: each has one scout
	since   time.Time
	opened  time.Time     // when it last went on after a halt
	changed chan struct{} // closed and made anew at each change
	nudged  chan struct{} // the same, when the operator says that it is mended

	wentOn func() // told of the end of each halt
}

func newGate() *gate {
	return &gate{changed: make(chan struct{}), nudged: make(chan struct{}), wentOn: func() {}}
}

// scoutKey marks the context of the one worker that tries again during a halt, with
// the halt's turn: its calls pass. When that halt is over it is a worker like all others.
type scoutKey struct{}

func (g *gate) scouting(ctx context.Context) context.Context {
	g.mu.Lock()
	defer g.mu.Unlock()
	return context.WithValue(ctx, scoutKey{}, g.turn)
}

// isScout tells the worker whose halt it is.
func (g *gate) isScout(ctx context.Context) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.scouts(ctx)
}

func (g *gate) scouts(ctx context.Context) bool {
	return g.halt != nil && ctx.Value(scoutKey{}) == g.turn
}

// pass waits until a call may begin. It returns errStopped if the run is stopped
// first; a call that outlives the run's context, because it tidies up, then passes.
func (g *gate) pass(ctx context.Context, stop <-chan struct{}) error {
	for {
		g.mu.Lock()
		shut, changed := g.paused || g.asleep || g.halt != nil && !g.scouts(ctx), g.changed
		g.mu.Unlock()
		if !shut {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return errStopped
		case <-stop:
			if ctx.Err() != nil {
				return errStopped
			}
			return nil
		}
	}
}

// set changes something under the lock and wakes whoever waits.
func (g *gate) set(f func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
	close(g.changed)
	g.changed = make(chan struct{})
}

// pause holds the run for its operator, sleep for the clock.
func (g *gate) pause(yes bool) { g.flag(&g.paused, yes) }
func (g *gate) sleep(yes bool) { g.flag(&g.asleep, yes) }

func (g *gate) flag(p *bool, yes bool) {
	g.mu.Lock()
	same := *p == yes
	g.mu.Unlock()
	if !same {
		g.set(func() { *p = yes })
	}
}

// shut halts the run for e and tells whether it was open: whoever halts it is
// its scout.
func (g *gate) shut(e *Error, now time.Time) (first bool) {
	g.set(func() {
		if first = g.halt == nil; first {
			g.since, g.halt = now, e
			g.turn++
		}
	})
	return first
}

// still replaces the reason of a halt that goes on.
func (g *gate) still(e *Error) {
	g.set(func() {
		if g.halt != nil {
			g.halt = e
		}
	})
}

// open ends a halt and tells whether there was one.
func (g *gate) open() (was bool) {
	g.mu.Lock()
	halted := g.halt != nil
	g.mu.Unlock()
	if !halted {
		return false
	}
	g.set(func() { was, g.halt, g.opened = g.halt != nil, nil, time.Now() })
	if was {
		g.wentOn()
	}
	return was
}

// openedSince tells whether a halt has ended after a time: what failed before it
// is no news.
func (g *gate) openedSince(t time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened.After(t)
}

// nudge makes a halted run try again at once.
func (g *gate) nudge() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.nudged)
	g.nudged = make(chan struct{})
}

// rest waits for d, a nudge, or the end of the run; it returns false for the end.
func (g *gate) rest(ctx context.Context, d time.Duration) bool {
	g.mu.Lock()
	nudged := g.nudged
	g.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-nudged:
		return true
	case <-ctx.Done():
		return false
	}
}

// state is what an operator calls the gate's state.
func (g *gate) state() (State, *Halt) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.halt != nil:
		return StateHalted, &Halt{Code: g.halt.Code, Cause: g.halt.Cause, Remedy: whileWaiting(g.halt.Remedy), Since: g.since}
	case g.paused:
		return StatePaused, nil
	case g.asleep:
		return StateAsleep, nil
	}
	return StateRunning, nil
}

// mended ends the halt if the success of a scout's call shows that its cause is
// gone. A read shows that the target answers us again; whether it takes what it has
// refused, only a write does.
func (g *gate) mended(what call) bool {
	g.mu.Lock()
	halt := g.halt
	g.mu.Unlock()
	if halt == nil || !what.writes() && !halt.ofAnyCall() {
		return false
	}
	return g.open()
}

// ofAnyCall tells an error that reads meet as well as writes.
func (e *Error) ofAnyCall() bool {
	switch e.Code {
	case CodeTargetAbsent, CodeTargetUntrusted, CodeNotS3, CodeNoSuchBucket, CodeWrongRegion, CodeClockSkew,
		CodeCredentialsRefused, CodeCredentialsExpired, CodeCredentialsMissing:
		return true
	}
	return e.Class == Retryable
}
