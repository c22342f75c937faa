package request

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestLimiter(t *testing.T) {
	l := newLimiter(8, 20, 0)
	var most, now atomic.Int64
	var workers sync.WaitGroup
	for range 40 {
		workers.Go(func() {
			for range 50 {
				if err := l.acquire(context.Background()); err != nil {
					t.Error(err)
					return
				}
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				time.Sleep(10 * time.Microsecond)
				now.Add(-1)
				l.release(more, sample{})
			}
		})
	}
	workers.Wait()
	if m := most.Load(); m > 20 || m < 9 || l.inUse != 0 || l.current() != 20 {
		t.Errorf("at most %d at once, %d in use, limit %d", m, l.inUse, l.current())
	}
	for range 10 {
		l.acquire(context.Background())
		l.release(less, sample{})
	}
	if l.current() != 1 {
		t.Errorf("limit %d after ten refusals", l.current())
	}
	l.acquire(context.Background())
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := l.acquire(ctx); err == nil {
		t.Error("a place beyond the limit was given")
	}
	l.release(more, sample{})
	if err := l.acquire(context.Background()); err != nil || len(l.waiters) != 0 {
		t.Errorf("after a cancelled wait: %v, %d wait", err, len(l.waiters))
	}
}
