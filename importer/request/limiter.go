package request

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// limiter bounds the requests at once and finds out how many the target bears:
// one more for each full round of successes, half as many after "slow down"; or
// what its controller says.
type limiter struct {
	mu      sync.Mutex
	limit   float64
	max     int
	inUse   int
	waiters []chan struct{}
	lastCut time.Time
	calm    time.Duration // at most one cut in this time
	control *controller   // decides instead; nil: none
}

func newLimiter(first, most int, calm time.Duration) *limiter {
	return &limiter{limit: float64(min(first, most)), max: most, calm: calm}
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

// lesson is what a call's end teaches a limiter.
type lesson uint8

const (
	nothing lesson = iota // it says nothing about the target's strength
	more
	less
)

// release gives the place back and learns.
func (l *limiter) release(what lesson, s sample) {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := l.inUse >= int(l.limit*3/4)
	l.inUse--
	switch {
	case l.control != nil && what == less:
		l.limit = l.control.refused(l.limit, time.Now())
	case l.control != nil && what == more:
		l.limit = l.control.succeeded(l.limit, s, full)
	case l.control == nil:
		l.learn(what)
	}
	l.wake()
}

// learn is what a limiter without a controller does.
func (l *limiter) learn(what lesson) {
	switch what {
	case less:
		if now := time.Now(); now.Sub(l.lastCut) >= l.calm {
			l.limit, l.lastCut = max(1, l.limit/2), now
		}
	case more:
		l.limit = min(float64(l.max), l.limit+1/l.limit)
	}
}

// set replaces what was found out.
func (l *limiter) set(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.limit = float64(n)
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

// idle tells that nobody has or wants a place.
func (l *limiter) idle() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.inUse == 0 && len(l.waiters) == 0
}

// limits is one limiter for the whole target and one for each prefix: a store
// partitions its keys by prefix (S3 user guide, "Optimizing performance"), so
// "slow down" is about the prefix of its key until several prefixes hear it.
type limits struct {
	all    *limiter
	size   int64  // of the memory that requests hold
	room   *room  // it; nil: not bounded
	strip  string // the run's own prefix
	mu     sync.Mutex
	some   map[string]*limiter
	slowed string    // the prefix that heard it last
	at     time.Time // when
}

// somePrefixes bounds the prefixes that have a limiter of their own.
const somePrefixes = 256

func newLimits(most int, memory int64, calm time.Duration, strip string) *limits {
	all := newLimiter(FirstAtOnce, most, calm)
	all.control = newController(most, calm)
	l := &limits{all: all, strip: strip, some: map[string]*limiter{}}
	if memory > 0 {
		l.size, l.room = memory, &room{free: memory}
	}
	return l
}

// prefixOf is what stands for a key's partition: its first two folders.
func (l *limits) prefixOf(key string) string {
	rest := strings.TrimPrefix(key, l.strip)
	at := strings.IndexByte(rest, '/')
	if at < 0 {
		return ""
	}
	if next := strings.IndexByte(rest[at+1:], '/'); next >= 0 {
		at += 1 + next
	}
	return rest[:at]
}

// of is the limiter of a prefix; nil if too many are in use to give it one.
func (l *limits) of(prefix string) *limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if one := l.some[prefix]; one != nil {
		return one
	}
	if len(l.some) >= somePrefixes {
		for name, one := range l.some {
			if one.idle() {
				delete(l.some, name)
			}
		}
	}
	if len(l.some) >= somePrefixes {
		return nil
	}
	one := newLimiter(l.all.max, l.all.max, l.all.calm)
	l.some[prefix] = one
	return one
}

// acquire waits for a place for a call; release gives it back with the result, and with what
// it tells of the time that the call took.
func (l *limits) acquire(ctx context.Context, what Call) (release func(error, sample), err error) {
	prefix, holds := l.prefixOf(what.Key), what.holds(l.size)
	one := l.of(prefix)
	if one != nil {
		if err := one.acquire(ctx); err != nil {
			return nil, err
		}
	}
	err = l.all.acquire(ctx)
	if err == nil {
		if err = l.room.take(ctx, holds); err != nil {
			l.all.release(nothing, sample{})
		}
	}
	if err != nil {
		if one != nil {
			one.release(nothing, sample{})
		}
		return nil, err
	}
	return func(err error, s sample) {
		mine, all := l.learn(prefix, err)
		if one != nil {
			one.release(mine, s)
		}
		l.room.giveBack(holds)
		l.all.release(all, s)
	}, nil
}

// learn tells what a result says about the prefix, and about the whole target.
func (l *limits) learn(prefix string, err error) (mine, all lesson) {
	switch {
	case err == nil:
		return more, more
	case !target.HasCode(err, target.CodeThrottled):
		return nothing, nothing
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if prefix == "" || l.slowed != prefix && now.Sub(l.at) < throttleWindow {
		all = less
	}
	l.slowed, l.at = prefix, now
	return less, all
}

// throttleWindow is how close two prefixes must be told to slow down for it to be
// about the whole target.
const throttleWindow = 2 * time.Second

func (l *limits) current() int { return l.all.current() }
