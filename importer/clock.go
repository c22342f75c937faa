package importer

import (
	"context"
	"sync"
	"time"
)

// clock is the time that a call may take. It can stand.
type clock struct {
	mu    sync.Mutex
	timer *time.Timer
	left  time.Duration // when it went on last
	since time.Time     // that was
}

type clockKey struct{}

// withClock gives a call its time: its context ends when that is over.
func withClock(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	c := &clock{left: limit, since: time.Now()}
	ctx, cancel := context.WithCancel(context.WithValue(ctx, clockKey{}, c))
	c.timer = time.AfterFunc(limit, cancel)
	return ctx, func() {
		c.timer.Stop()
		cancel()
	}
}

// stand stops the clock of a call, if it has one, until the returned function is
// called. One goroutine at a time: that which reads the call's body.
func stand(ctx context.Context) (goOn func()) {
	c, ok := ctx.Value(clockKey{}).(*clock)
	if !ok {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.timer.Stop() {
		return func() {} // it is over
	}
	c.left -= time.Since(c.since)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.since = time.Now()
		c.timer.Reset(max(0, c.left))
	}
}
