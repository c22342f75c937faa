package request

import (
	"context"
	"time"
)

// crowdLook is how often who waits for a crowded prefix looks again.
const crowdLook = 20 * time.Millisecond

// crowded reports whether more calls wait than will soon have their turn.
func (l *limiter) crowded() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiters) > max(FirstAtOnce, int(l.limit))
}

// crowded is that of a key's prefix, once it has a limiter of its own.
func (l *limits) crowded(key string) bool {
	prefix := l.prefixOf(key)
	l.mu.Lock()
	one := l.some[prefix]
	l.mu.Unlock()
	return one != nil && one.crowded()
}

// Uncrowded waits while many calls wait for the prefix of a key. A prefix that the target slows down
// would else hold all workers, and with them what goes to the others.
func (c *Caller) Uncrowded(ctx context.Context, key string) error {
	for c.limits.crowded(key) {
		select {
		case <-time.After(crowdLook):
		case <-ctx.Done():
			return ErrStopped
		}
	}
	return nil
}
