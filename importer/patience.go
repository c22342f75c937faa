package importer

import (
	"context"
	"errors"
	"sync"
	"time"
)

// lagWindow is for how long after a write a store, or a cache before it, may answer as if
// there had been none.
const lagWindow = 10 * time.Second

// The pauses between looks, in backoffs: by default a second, doubling. All of them
// together are lagWindow.
const (
	firstNap = 5
	allNaps  = 50
)

// patience is that of one look for what was written moments ago and is not shown: its
// workers share it. A clock that stands, or was set back, makes it no longer.
type patience struct {
	run *run

	mu         sync.Mutex // held while one waits for all
	naps       int
	next, left time.Duration
}

func (r *run) newPatience() *patience {
	return &patience{run: r, next: firstNap * r.opts.Backoff, left: allNaps * r.opts.Backoff}
}

// now is to be asked before a look, and given to again after it.
func (l *patience) now() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.naps
}

// again reports whether another look may show what was written at that time, and waits
// before. It returns at once if the write is long ago, or if another worker has waited since
// the look began.
func (l *patience) again(ctx context.Context, began int, written time.Time) bool {
	r := l.run
	if r.opts.Now().Sub(written).Abs() >= lagWindow {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.naps > began:
		return ctx.Err() == nil
	case l.left <= 0:
		return false
	case l.naps == 0:
		r.opts.Log.Log(ctx, LevelNotice, "the target does not show what was written moments ago; it is asked again for a while", "at most", l.left)
	}
	nap := min(l.next, l.left)
	l.naps, l.next, l.left = l.naps+1, 2*l.next, l.left-nap
	return r.calls.gate.rest(ctx, nap)
}

// headByNow is head, asked again for a while where the object was stored moments ago.
func (r *run) headByNow(ctx context.Context, l *patience, key string, stored time.Time) (Object, error) {
	for {
		began := l.now()
		obj, err := r.head(ctx, key)
		switch {
		case !IsNotFound(err):
			return obj, err
		case !l.again(ctx, began, stored):
			return obj, errors.Join(stoppedBy(ctx), err)
		}
	}
}
