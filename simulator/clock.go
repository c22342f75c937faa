package simulator

import (
	"sync"
	"time"
)

// Clock is a clock that goes on by a step at every look, and can be set wrong.
type Clock struct {
	mu   sync.Mutex
	at   time.Time
	step time.Duration
}

// NewClock makes a clock.
func NewClock(at time.Time, step time.Duration) *Clock { return &Clock{at: at, step: step} }

// Now tells the time, and lets it go on.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(c.step)
	return c.at
}

// Jump sets it forward, or back.
func (c *Clock) Jump(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

// Step lets it go on by another step from now on, and returns the one before.
func (c *Clock) Step(step time.Duration) (before time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, c.step = c.step, step
	return before
}
