package pause

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Line lets thousands wait at once at the cost of one thread, where For takes a
// thread for each. Those who wait for about the same time are woken within a tenth
// of a millisecond after it; one that waits for less than who was there before may
// be woken a millisecond late. The zero value is ready.
type Line struct {
	mu      sync.Mutex
	waiting sleepers
	awake   bool // somebody looks after those who wait
}

// nap is the longest that the line does not look who has come.
const nap = time.Millisecond

// For waits for d, or until ctx ends, whose cause it returns then.
func (l *Line) For(ctx context.Context, d time.Duration) error {
	return l.Until(ctx, time.Now().Add(d))
}

// Until waits as For does, for a time. It does not wait for one that is past.
func (l *Line) Until(ctx context.Context, when time.Time) error {
	if time.Until(when) <= 0 {
		return context.Cause(ctx)
	}
	s := &sleeper{when: when, wake: make(chan struct{})}
	l.mu.Lock()
	heap.Push(&l.waiting, s)
	if !l.awake {
		l.awake = true
		go l.watch()
	}
	l.mu.Unlock()
	select {
	case <-s.wake:
	case <-ctx.Done():
		l.mu.Lock()
		if s.at >= 0 {
			heap.Remove(&l.waiting, s.at)
		}
		l.mu.Unlock()
	}
	return context.Cause(ctx)
}

// watch wakes who is due, and ends when nobody waits.
func (l *Line) watch() {
	for {
		l.mu.Lock()
		now := time.Now()
		for len(l.waiting) > 0 && !l.waiting[0].when.After(now) {
			if s, ok := heap.Pop(&l.waiting).(*sleeper); ok {
				close(s.wake)
			}
		}
		if len(l.waiting) == 0 {
			l.awake = false
			l.mu.Unlock()
			return
		}
		left := l.waiting[0].when.Sub(now)
		l.mu.Unlock()
		ts := unix.NsecToTimespec(min(left, nap).Nanoseconds())
		_ = unix.Nanosleep(&ts, nil)
	}
}

// sleeper is one that waits.
type sleeper struct {
	when time.Time
	wake chan struct{}
	at   int // in the heap; -1: no more
}

// sleepers is a heap of them, the first to wake first.
type sleepers []*sleeper

func (s sleepers) Len() int           { return len(s) }
func (s sleepers) Less(i, j int) bool { return s[i].when.Before(s[j].when) }
func (s sleepers) Swap(i, j int) {
	s[i], s[j] = s[j], s[i]
	s[i].at, s[j].at = i, j
}

func (s *sleepers) Push(x any) {
	if one, ok := x.(*sleeper); ok {
		one.at = len(*s)
		*s = append(*s, one)
	}
}

func (s *sleepers) Pop() any {
	last := (*s)[len(*s)-1]
	last.at = -1
	*s = (*s)[:len(*s)-1]
	return last
}
