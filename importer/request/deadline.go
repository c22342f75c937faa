package request

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// clock is the time that one call may take: the whole call's, which can stand, and the time
// in which no byte of its payload moves. The second one runs only while the other side has
// the next move: not before the first byte, not while our disks or a bandwidth limit give
// the next one. Once the payload is sent whole, the answer has what is left of the whole call's
// time, up to mostForPayload: a proxy may have taken the payload whole, and pass it on slowly.
// A Complete has no payload that is watched: a store may join parts in silence.
type clock struct {
	cancel context.CancelCauseFunc
	answer time.Duration // from a request without payload to the first byte of its answer
	sent   time.Duration // the same from the last byte of a payload
	idle   time.Duration // 0: not watched
	heard  *hearing      // tells of an answer that is late

	mu    sync.Mutex
	timer *time.Timer
	left  time.Duration // when it went on last
	since time.Time     // that was
	still *time.Timer   // ends a call whose payload does not move; nil: not yet
	over  bool
}

type clockKey struct{}

// TimeOut is the cause of a call's end by its clock.
type TimeOut struct{ Text string }

func (e *TimeOut) Error() string { return e.Text }

// Timeout is net.Error's word for it.
func (e *TimeOut) Timeout() bool { return true }

func noAnswer(limit time.Duration) error { return &TimeOut{"no answer in " + limit.String()} }

func noByte(idle time.Duration) error { return &TimeOut{fmt.Sprintf("no byte moved for %s", idle)} }

// mostForPayload bounds what the answer to a large payload is given beyond the time of a call without
// any: a part of 5 GiB would have 22.8 hours of its own in each attempt.
const mostForPayload = time.Hour

// withClock gives a call its time, with what its payload is given beyond the answer's time: its
// context ends, with the cause, when that is over.
func withClock(ctx context.Context, answer, payload, idle time.Duration) (context.Context, context.CancelFunc) {
	limit := answer + payload
	c := &clock{left: limit, since: time.Now(), answer: answer, sent: answer + min(payload, mostForPayload), idle: idle}
	ctx, c.cancel = context.WithCancelCause(context.WithValue(ctx, clockKey{}, c))
	c.timer = time.AfterFunc(limit, func() { c.cancel(noAnswer(limit)) })
	return ctx, c.stop
}

// stop ends the clock of a call that is over.
func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	c.timer.Stop()
	if c.still != nil {
		c.still.Stop()
	}
	c.cancel(nil)
}

// ClockOf is a call's clock; nil if it has none.
func ClockOf(ctx context.Context) *clock {
	c, _ := ctx.Value(clockKey{}).(*clock)
	return c
}

// Await says that the next move is the other side's: a byte of the payload has to move now.
func (c *clock) Await() {
	if c != nil && c.idle > 0 {
		c.within(c.idle, noByte(c.idle))
	}
}

// due says that the next move is the other side's answer, to a request without payload.
func (c *clock) due() {
	if c != nil {
		c.awaitAnswer(c.answer)
	}
}

// Sent says so of a request whose payload is sent whole.
func (c *clock) Sent() {
	if c != nil {
		c.awaitAnswer(c.sent)
	}
}

func (c *clock) awaitAnswer(d time.Duration) {
	c.within(d, noAnswer(d))
	c.heard.due()
}

// within ends the call for a reason unless something moves in time.
func (c *clock) within(d time.Duration, why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return
	}
	if c.still != nil {
		c.still.Stop()
	}
	c.still = time.AfterFunc(d, func() { c.cancel(why) })
}

// Moved says that a byte moved, and that nothing is waited for.
func (c *clock) Moved() {
	if c == nil {
		return
	}
	c.heard.moved()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.still != nil {
		c.still.Stop()
	}
}

// stand stops the clock of a call, if it has one, until the returned function is
// called. One goroutine at a time: that which reads the call's body.
func stand(ctx context.Context) (goOn func()) {
	c := ClockOf(ctx)
	if c == nil {
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
		if c.over {
			return
		}
		c.since = time.Now()
		c.timer.Reset(max(0, c.left))
	}
}

// watchedAnswer is the payload of an answer: each of its bytes has to move in time.
type watchedAnswer struct {
	io.ReadCloser
	clock *clock
}

// Get begins to read an object in a call, and has its clock watch it: a payload that is to
// come gives no more time to the answer's beginning.
func Get(call context.Context, target target.Reader, key, version string) (io.ReadCloser, error) {
	c := ClockOf(call)
	c.due()
	defer c.Moved()
	content, err := target.Get(call, key, version)
	if err != nil {
		return nil, err
	}
	return watchedAnswer{content, c}, nil
}

func (a watchedAnswer) Read(p []byte) (int, error) {
	a.clock.Await()
	defer a.clock.Moved()
	return a.ReadCloser.Read(p)
}
