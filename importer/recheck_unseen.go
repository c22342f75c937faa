package importer

import (
	"context"
	"log/slog"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// unseenInRow is after how many objects in a row that could not be looked at an object that
// was shown before is asked for again: the target may show none any more.
const unseenInRow = 2 * recheckAtOnce

// unseen are the objects of a sample that the target does not show. They are no reason to
// stop while it shows others: a policy, a firewall or a fault of the store may be about one
// key, and an object may be quarantined. They are counted as if they were gone.
type unseen struct {
	n     uint64
	inRow uint64
	first error  // the first one's
	shown string // a key about which the target has answered
}

// answered notes that the target has told whether an object is there.
func (u *unseen) answered(key string) { u.inRow, u.shown = 0, key }

// miss notes an object that cannot be looked at, and returns the error if it is the run's.
func (c *rechecker) miss(ctx context.Context, key string, err error) error {
	if !request.OfName(err) {
		return err
	}
	c.mu.Lock()
	u := &c.unseen
	u.n, u.inRow = u.n+1, u.inRow+1
	if u.first == nil {
		u.first = err
	}
	n, shown, ask, most := u.n, u.shown, u.shown != "" && u.inRow%unseenInRow == 0, c.patience()
	c.mu.Unlock()
	level := slog.LevelInfo
	if n <= recheckNamed {
		level = slog.LevelWarn
	}
	c.run.opts.Log.Log(ctx, level, "an object that an earlier start has stored could not be looked at", "key", key, "error", err)
	switch {
	case ask:
		if _, askErr := c.head(ctx, shown); askErr != nil && !target.IsNotFound(askErr) {
			return err
		}
	case shown == "" && !c.reads && n >= most:
		return err
	}
	return nil
}

// patience is how many objects are asked for where the target has shown none yet. A run
// that waits looks again soon, and bothers a target that refuses all less. c.mu is held.
func (c *rechecker) patience() uint64 {
	if c.free || target.IsClass(c.unseen.first, target.Retryable) {
		return unseenInRow
	}
	return recheckSize
}

// blind is the reason why nothing could be looked at; nil if something could.
func (c *rechecker) blind() error {
	if c.reads || c.unseen.shown != "" {
		return nil
	}
	return c.unseen.first
}

// readsOwn reports whether a look at the marker, or at the journal in the target, has shown
// that the target answers these credentials.
func (r *run) readsOwn(marked bool) bool {
	return marked && (r.mirror != nil || r.header.Marker != "" && !r.ended.Done)
}
