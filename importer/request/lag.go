package request

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
	LagTime   = 100              // backoffs: all pauses of one wait, by default as long
	LagTotal  = 5 * LagTime      // backoffs that a start waits in vain for single keys before it waits no more
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

// Wait is one wait: for a key, or for all that many workers look for. A clock that stands,
// or was set back, makes it no longer.
type Wait struct {
	calls *Caller

	mu         sync.Mutex
	naps       int
	napping    chan struct{} // closed at the end of the nap that one takes for all; nil: nobody does
	next, left time.Duration
}

func (c *Caller) NewWait() *Wait {
	return &Wait{calls: c, next: c.backoff, left: LagTime * c.backoff}
}

// Now is to be asked before a look, and given to again after it.
func (w *Wait) Now() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.naps
}

// Again waits, and reports whether to look again. It returns at once if another worker has
// waited since the look began. ErrStopped is the end of the run or of ctx.
func (w *Wait) Again(ctx context.Context, began int) (bool, error) {
	for {
		w.mu.Lock()
		over := w.napping
		switch {
		case w.naps > began && ctx.Err() == nil:
			w.mu.Unlock()
			return true, nil
		case over == nil && w.left <= 0, ctx.Err() != nil:
			w.mu.Unlock()
			return false, StoppedBy(ctx)
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
func (w *Wait) nap(ctx context.Context) (bool, error) {
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
		return false, ErrStopped
	}
	return true, nil
}

// againSince is again for what was written at that time: long ago is not waited for.
func (w *Wait) AgainSince(ctx context.Context, began int, written time.Time) (bool, error) {
	if w.calls.lag.clock().Sub(written).Abs() >= lagWindow {
		return false, StoppedBy(ctx)
	}
	return w.Again(ctx, began)
}

// Since makes a look, and repeats it for a while where it misses what was written at that
// time.
func (w *Wait) Since(ctx context.Context, written time.Time, missed func(error) bool, look func() error) error {
	for {
		began := w.Now()
		err := look()
		if !missed(err) {
			return err
		}
		switch again, stopped := w.AgainSince(ctx, began, written); {
		case stopped != nil:
			return errors.Join(stopped, err)
		case !again:
			return err
		}
	}
}

// shownLate repeats a look that has just found nothing of a key that the target has, or may
// have. The last answer is returned; ErrStopped if the run or ctx ended before.
func (c *Caller) ShownLate(ctx context.Context, notFound error, look func() error) error {
	w, err := c.NewWait(), notFound
	for target.IsNotFound(err) && c.lag.patient(LagTotal*c.backoff) {
		again, stopped := w.Again(ctx, w.Now())
		if stopped != nil {
			return ErrStopped
		}
		if !again {
			break
		}
		err = look()
	}
	if target.IsNotFound(err) {
		c.lag.waited(LagTime*c.backoff - w.left)
	}
	return err
}

// sleep waits by the clock, and reports false if the run or ctx ended before.
func (c *Caller) sleep(ctx context.Context, d time.Duration) bool {
	if c.Stopped() || ctx.Err() != nil {
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

// StoppedBy is ErrStopped once a context has ended.
func StoppedBy(ctx context.Context) error {
	if ctx.Err() != nil {
		return ErrStopped
	}
	return nil
}

// LevelNotice is of the lines that are no warnings, and that an operator wants to see.
const LevelNotice = slog.LevelInfo + 2
