package importer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// A store, or a cache before it, may answer for a while as if a write had not been: it says of
// a key that is there that it is not. Whoever meets that where the key may be there waits and
// asks again before it decides.
const (
	lagWindow = 20 * time.Second // for so long after a write
	lagTime   = 100              // backoffs: all pauses of one wait, by default as long
	lagTotal  = 5 * lagTime      // backoffs that a start waits in vain for single keys before it waits no more
)

// lag is what a start knows of its waits. A target that shows no key would otherwise cost
// every object the whole time.
type lag struct {
	clock func() time.Time
	log   *slog.Logger

	mu   sync.Mutex
	vain time.Duration // for single keys that never showed
	told bool
}

// patient reports whether another key is waited for.
func (l *lag) patient(most time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.vain < most
}

func (l *lag) waited(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.vain += d
}

// tell says once in a start that it waits.
func (l *lag) tell(ctx context.Context, most time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.log != nil && !l.told {
		l.log.Log(ctx, LevelNotice, "the target does not show what was written, or what it refuses to write because it is there; it is asked again for a while", "at most", most)
	}
	l.told = true
}

// lagWait is one wait: for a key, or for all that many workers look for. A clock that stands,
// or was set back, makes it no longer.
type lagWait struct {
	calls *caller

	mu         sync.Mutex
	naps       int
	napping    chan struct{} // closed at the end of the nap that one takes for all; nil: nobody does
	next, left time.Duration
}

func (c *caller) newWait() *lagWait {
	return &lagWait{calls: c, next: c.backoff, left: lagTime * c.backoff}
}

// now is to be asked before a look, and given to again after it.
func (w *lagWait) now() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.naps
}

// again waits, and reports whether to look again. It returns at once if another worker has
// waited since the look began. errStopped is the end of the run or of ctx.
func (w *lagWait) again(ctx context.Context, began int) (bool, error) {
	for {
		w.mu.Lock()
		over := w.napping
		switch {
		case w.naps > began && ctx.Err() == nil:
			w.mu.Unlock()
			return true, nil
		case over == nil && w.left <= 0, ctx.Err() != nil:
			w.mu.Unlock()
			return false, stoppedBy(ctx)
		case over == nil:
			return w.nap(ctx)
		}
		w.mu.Unlock()
		select {
		case <-over:
		case <-ctx.Done():
		}
	}
}

// nap waits for all. It is called with the lock, and gives it back.
func (w *lagWait) nap(ctx context.Context) (bool, error) {
	w.calls.lag.tell(ctx, w.left)
	nap := min(w.next, maxBackoff, w.left)
	w.next, w.left, w.napping = 2*w.next, w.left-nap, make(chan struct{})
	w.mu.Unlock()
	whole := w.calls.sleep(ctx, nap)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.naps++
	close(w.napping)
	w.napping = nil
	if !whole {
		return false, errStopped
	}
	return true, nil
}

// againSince is again for what was written at that time: long ago is not waited for.
func (w *lagWait) againSince(ctx context.Context, began int, written time.Time) (bool, error) {
	if w.calls.lag.clock().Sub(written).Abs() >= lagWindow {
		return false, stoppedBy(ctx)
	}
	return w.again(ctx, began)
}

// since makes a look, and repeats it for a while where it misses what was written at that
// time.
func (w *lagWait) since(ctx context.Context, written time.Time, missed func(error) bool, look func() error) error {
	for {
		began := w.now()
		err := look()
		if !missed(err) {
			return err
		}
		switch again, stopped := w.againSince(ctx, began, written); {
		case stopped != nil:
			return errors.Join(stopped, err)
		case !again:
			return err
		}
	}
}

// shownLate repeats a look that has just found nothing of a key that the target has, or may
// have. The last answer is returned; errStopped if the run or ctx ended before.
func (c *caller) shownLate(ctx context.Context, notFound error, look func() error) error {
	w, err := c.newWait(), notFound
	for target.IsNotFound(err) && c.lag.patient(lagTotal*c.backoff) {
		again, stopped := w.again(ctx, w.now())
		if stopped != nil {
			return errStopped
		}
		if !again {
			break
		}
		err = look()
	}
	if target.IsNotFound(err) {
		c.lag.waited(lagTime*c.backoff - w.left)
	}
	return err
}

// sleep waits by the clock, and reports false if the run or ctx ended before.
func (c *caller) sleep(ctx context.Context, d time.Duration) bool {
	if c.stopped() || ctx.Err() != nil {
		return false
	}
	after := c.after
	if after == nil {
		after = time.After
	}
	select {
	case <-after(d):
		return true
	case <-ctx.Done():
	case <-c.stop:
	}
	return false
}

// stoppedBy is errStopped once a context has ended.
func stoppedBy(ctx context.Context) error {
	if ctx.Err() != nil {
		return errStopped
	}
	return nil
}

// LevelNotice is of the lines that are no warnings, and that an operator wants to see.
const LevelNotice = slog.LevelInfo + 2
