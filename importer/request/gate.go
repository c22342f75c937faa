package request

import (
	"context"
	"sync"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// gate holds back what has not begun: while the operator pauses the run, outside
// of its hours, and while it waits for the operator to mend something. What has
// begun is never broken off.
type gate struct {
	mu      sync.Mutex
	paused  bool          // by the operator
	halt    *target.Error // why it waits for the operator
	since   time.Time
	number  uint64        // of the last halt: who halts the run is that one's scout
	moved   bool          // since the last halt something was stored, or found there
	opened  time.Time     // when it last went on after a halt
	changed chan struct{} // closed and made anew at each change
	nudged  chan struct{} // the same, when the operator says that it is mended

	wentOn func()      // told of the end of each halt
	InTime func() bool // false outside of the run's hours
}

// hoursLook is how often who waits for the run's hours looks at the clock.
const hoursLook = time.Second

func newGate() *gate {
	return &gate{moved: true, changed: make(chan struct{}), nudged: make(chan struct{}), wentOn: func() {}, InTime: func() bool { return true }}
}

// ScoutKey marks the context of the one worker that tries again while the run is
// halted, by the halt's number: its calls pass, and no later halt.
type ScoutKey struct{}

// BesideKey marks the context of a probe that asks whether a halt is needed: it passes
// every halt, so that nobody waits for a probe that waits itself.
type BesideKey struct{}

// ScoutOf is the halt whose scout this is; 0 if of none.
func ScoutOf(ctx context.Context) uint64 {
	n, _ := ctx.Value(ScoutKey{}).(uint64)
	return n
}

func IsScout(ctx context.Context) bool { return ScoutOf(ctx) != 0 }

// Pass waits until a call may begin. It returns errStopped if the run is stopped
// first; a call that outlives the run's context, because it tidies up, then passes.
func (g *gate) Pass(ctx context.Context, stop <-chan struct{}) error {
	for {
		g.mu.Lock()
		shut, asleep := g.shutFor(ctx)
		changed := g.changed
		g.mu.Unlock()
		if !shut {
			return nil
		}
		if err := g.wait(ctx, asleep, changed, stop); err != nil || ctx.Err() == nil && isClosed(stop) {
			return err
		}
	}
}

// wait waits for a change of the gate, and of the hours where it was seen to be asleep: they
// may begin between that look and this wait.
func (g *gate) wait(ctx context.Context, asleep bool, changed, stop <-chan struct{}) error {
	var tick <-chan time.Time
	if asleep {
		timer := time.NewTimer(hoursLook)
		defer timer.Stop()
		tick = timer.C
	}
	select {
	case <-changed:
	case <-tick:
	case <-stop:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return ErrStopped
	}
	return nil
}

// holds reports whether a call may not begin at this moment.
func (g *gate) holds(ctx context.Context) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	shut, _ := g.shutFor(ctx)
	return shut
}

// shutFor is holds for who has the lock, and whether it is outside of the hours.
func (g *gate) shutFor(ctx context.Context) (shut, asleep bool) {
	beside, _ := ctx.Value(BesideKey{}).(bool)
	asleep = !g.InTime()
	return asleep || g.paused || g.halt != nil && !beside && ScoutOf(ctx) != g.number, asleep
}

// awake waits while the operator pauses the run, and outside of its hours, whether or not it
// is halted. It returns false where the run ends first.
func (g *gate) awake(ctx context.Context, stop <-chan struct{}) bool {
	for {
		g.mu.Lock()
		paused, asleep, changed := g.paused, !g.InTime(), g.changed
		g.mu.Unlock()
		if !paused && !asleep {
			return true
		}
		if g.wait(ctx, asleep, changed, stop) != nil || isClosed(stop) {
			return false
		}
	}
}

// mayGoOn reports whether neither the operator nor the hours hold the run.
func (g *gate) MayGoOn() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.paused && g.InTime()
}

// within waits outside of the run's hours. It returns false where the run ends first.
func (g *gate) within(ctx context.Context, stop <-chan struct{}) bool {
	for !g.InTime() {
		if g.wait(ctx, true, nil, stop) != nil || isClosed(stop) {
			return false
		}
	}
	return true
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
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

// Pause holds the run for its operator.
func (g *gate) Pause(yes bool) { g.set(func() { g.paused = yes }) }

// Paused reports whether the operator holds the run, whatever else does.
func (g *gate) Paused() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.paused
}

// Shut halts the run for e, unless it is halted: whoever halts it is the scout of this
// halt, which scout numbers; else it is 0. anew is false where nothing was stored since
// the last halt, whose cause was not mended then: the wait goes on, since it began.
func (g *gate) Shut(e *target.Error, now time.Time) (scout uint64, anew bool) {
	g.set(func() {
		if g.halt != nil {
			return
		}
		if anew = g.moved; anew {
			g.since = now
		}
		g.number++
		g.halt, scout = e, g.number
	})
	return scout, anew
}

// Still replaces the reason of a halt that goes on. It returns false where that halt has
// ended: e is then the reason of another one.
func (g *gate) Still(scout uint64, e *target.Error) (yes bool) {
	g.set(func() {
		if yes = g.halt != nil && g.number == scout; yes {
			g.halt = e
		}
	})
	return yes
}

// Reason replaces the reason of a halt that goes on, whoever its scout is.
func (g *gate) Reason(e *target.Error) {
	g.set(func() {
		if g.halt != nil {
			g.halt = e
		}
	})
}

// Open ends a halt and tells whether there was one.
func (g *gate) Open() bool { return g.OpenIf(func(*target.Error, uint64) bool { return true }) }

// openIf ends a halt that is the one which is meant.
func (g *gate) OpenIf(meant func(halt *target.Error, number uint64) bool) (was bool) {
	if was = g.OpenQuietly(meant); was {
		g.wentOn()
	}
	return was
}

// openQuietly is openIf that tells nobody: a look at the end of each wait is no news.
func (g *gate) OpenQuietly(meant func(halt *target.Error, number uint64) bool) (was bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if was = g.halt != nil && meant(g.halt, g.number); was {
		g.halt, g.opened, g.moved = nil, time.Now(), false
		close(g.changed)
		g.changed = make(chan struct{})
	}
	return was
}

// Move notes that something was stored, or found there.
func (g *gate) Move() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.moved = true
}

// openedSince tells whether a halt has ended after a time: what failed before it
// is no news.
func (g *gate) OpenedSince(t time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.opened.After(t)
}

// Nudge makes a halted run try again at once.
func (g *gate) Nudge() {
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.nudged)
	g.nudged = make(chan struct{})
}

// Rest waits for d, a nudge, or the end of the run; it returns false for the end.
func (g *gate) Rest(ctx context.Context, d time.Duration) bool {
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

// State is what an operator calls the gate's state.
func (g *gate) State() (State, *Halt) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.halt != nil:
		return StateHalted, &Halt{Code: g.halt.Code, Cause: g.halt.Cause, Remedy: WhileWaiting(g.halt.Remedy), Since: g.since}
	case g.paused:
		return StatePaused, nil
	case !g.InTime():
		return StateAsleep, nil
	}
	return StateRunning, nil
}

// mended ends the halt if the success of its scout's call shows that its cause is
// gone. A read shows that the target answers us again; whether it takes what it has
// refused, only a write does.
func (g *gate) mended(scout uint64, what Call) bool {
	return g.OpenIf(func(halt *target.Error, number uint64) bool {
		return number == scout && (what.writes() || OfAnyCall(halt))
	})
}

// OfAnyCall tells an error that reads meet as well as writes.
func OfAnyCall(e *target.Error) bool {
	switch e.Code {
	case target.CodeTargetAbsent, target.CodeTargetUntrusted, target.CodeNotS3, target.CodeNoSuchBucket, target.CodeWrongRegion, target.CodeClockSkew,
		target.CodeCredentialsRefused, target.CodeCredentialsExpired, target.CodeCredentialsMissing:
		return true
	}
	return e.Class == target.Retryable
}
