package importer

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// limiter bounds the requests at once and finds out how many the target bears:
// one more for each full round of successes, half as many after "slow down".
type limiter struct {
	mu      sync.Mutex
	limit   float64
	max     int
	inUse   int
	waiters []chan struct{}
	lastCut time.Time
	calm    time.Duration // at most one cut in this time
}

func newLimiter(most int, calm time.Duration) *limiter {
	return &limiter{limit: float64(min(most, 8)), max: most, calm: calm}
}

func (l *limiter) acquire(ctx context.Context) error {
	l.mu.Lock()
	if l.inUse < int(l.limit) {
		l.inUse++
		l.mu.Unlock()
		return nil
	}
	turn := make(chan struct{})
	l.waiters = append(l.waiters, turn)
	l.mu.Unlock()
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, w := range l.waiters {
		if w == turn {
			l.waiters = append(l.waiters[:i], l.waiters[i+1:]...)
			return ctx.Err()
		}
	}
	l.inUse-- // our turn came meanwhile: pass it on
	l.wake()
	return ctx.Err()
}

// release gives the place back and learns from the call's result.
func (l *limiter) release(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.inUse--
	switch {
	case hasCode(err, CodeThrottled):
		if now := time.Now(); now.Sub(l.lastCut) >= l.calm {
			l.limit, l.lastCut = max(1, l.limit/2), now
		}
	case err == nil:
		l.limit = min(float64(l.max), l.limit+1/l.limit)
	}
	l.wake()
}

func (l *limiter) wake() {
	for len(l.waiters) > 0 && l.inUse < int(l.limit) {
		close(l.waiters[0])
		l.waiters = l.waiters[1:]
		l.inUse++
	}
}

func (l *limiter) current() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.limit)
}

// caller makes calls to the target: under the limit, each attempt under its own
// time, and again where that is safe.
type caller struct {
	limit   *limiter
	retries int
	backoff time.Duration
	timeout time.Duration
	stop    <-chan struct{} // closed: begin nothing new
	retried atomic.Int64
}

// errStopped ends what has not begun when the run is stopped.
var errStopped = errors.New("stopped before this call")

const slowest = 64 << 10 // bytes a second that a call with payload must make

// once makes one attempt. Cancelling the run's context begins no call and breaks
// none that has begun: its own time ends it.
func (c *caller) once(ctx context.Context, payload int64, f func(context.Context) error) error {
	if ctx.Err() != nil || c.limit.acquire(ctx) != nil {
		return errStopped
	}
	limit := c.timeout + time.Duration(payload/slowest)*time.Second
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	err := f(call)
	if err != nil && call.Err() != nil && !isClass(err, FatalObject) {
		err = unknown(newError(CodeConnectionLost, "", "no answer in "+limit.String(), err))
	}
	c.limit.release(err)
	return err
}

// again waits before the next attempt and tells whether there is one. A target
// that cannot be reached is worth the same patience as one that is busy.
func (c *caller) again(attempt int, err error) bool {
	if attempt >= c.retries || !isClass(err, Retryable) && !hasCode(err, CodeTargetAbsent) {
		return false
	}
	wait := min(maxBackoff, c.backoff<<min(attempt, 10))
	if wait > 0 {
		wait = wait/2 + rand.N(wait/2+1)
	}
	c.retried.Add(1)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-c.stop:
		return false
	}
}

func (c *caller) stopped() bool {
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// idempotent makes a call that may be repeated whatever its outcome was: reads,
// parts, aborts.
func (c *caller) idempotent(ctx context.Context, payload int64, f func(context.Context) error) error {
	for attempt := 0; ; attempt++ {
		err := c.once(ctx, payload, f)
		if err == nil || !c.again(attempt, err) {
			return err
		}
	}
}
