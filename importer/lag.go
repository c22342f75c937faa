package importer

import (
	"context"
	"strings"
	"sync"
	"time"
)

// A store, or a cache before it, may say for a while that a key is not there which it has
// just written, or refused to write because it is there. Whoever meets both waits and asks
// again before it decides.
const (
	lagTime  = 300     // backoffs that one key is waited for: a minute by default
	lagTotal = 5 * 300 // backoffs that a start waits in vain before it waits no more
)

// lag is how long keys were waited for that never showed. A target that shows none would
// otherwise cost every object that time.
type lag struct {
	mu   sync.Mutex
	vain time.Duration
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

// shownLate repeats a look that has just found nothing, until it finds something or lagTime
// is over. The last answer is returned; errStopped if the run or ctx ended before.
func (c *caller) shownLate(ctx context.Context, notFound error, look func() error) error {
	err, most, wait, waited := notFound, lagTime*c.backoff, c.backoff, time.Duration(0)
	for IsNotFound(err) && waited < most && c.lag.patient(lagTotal*c.backoff) {
		pause := min(wait, maxBackoff, most-waited)
		if !c.sleep(ctx, pause) {
			return errStopped
		}
		waited, wait = waited+pause, 2*wait
		err = look()
	}
	if IsNotFound(err) {
		c.lag.waited(waited)
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

// mirrorNotShown is of an object of the journal in the target that is listed, or was refused
// because it exists, and that GET does not find. Whose the run is, is not known then: it ends.
func mirrorNotShown(key string, err error) *Error {
	return newError(CodeTargetJournal, key, "the target has it, and says that it is not there: a cache or a proxy may answer from memory", err)
}

// notShown is of a key that the target has by its answer to a write, and has not by its
// answer to a look.
func notShown(path string, err error) *Error {
	return newError(CodeNotShown, path, "412 and 404 for the same key: the write was refused because the key exists, and a look finds no such key", err)
}

// inTheWay names what keeps a store of folders from having this key, so that no look finds it
// and no write can make it; "" is nothing.
func (r *run) inTheWay(ctx context.Context, key string) string {
	if !r.planner.profile.Folders {
		return ""
	}
	if file, ok := strings.CutSuffix(key, "/"); ok {
		if _, err := r.head(ctx, file); err == nil {
			return "an object where this key is a folder"
		}
		return ""
	}
	store, ok := r.target.(lister)
	if !ok {
		return ""
	}
	var page []Listed
	err := r.calls.idempotent(ctx, call{name: callList, key: key}, func(ctx context.Context) (err error) {
		page, _, err = store.List(ctx, key+"/", "")
		return err
	})
	if err != nil || len(page) == 0 {
		return ""
	}
	return "keys below this one"
}
