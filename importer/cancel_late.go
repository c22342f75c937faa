package importer

import (
	"fmt"
	"time"
)

// Late is a key that may yet appear in the target.
type Late struct {
	Key   string    `json:"key"`
	Call  string    `json:"call"`  // that had no answer
	Sent  time.Time `json:"sent"`  // at the latest
	Until time.Time `json:"until"` // after that it does not come any more
}

// lateTime is for how long after a request without an answer its effect is waited for: a store
// takes no request whose date is uploadWindow from its own clock, which may be as far from ours, and
// joins the parts of an upload in less.
const lateTime = 2 * uploadWindow

// mayComeLate reports whether a request of that time, which had no answer, may yet have its effect.
func (r *run) mayComeLate(sent time.Time) bool {
	return !sent.IsZero() && !r.opts.Emptied && r.opts.Now().Sub(sent).Abs() < r.lateTime()
}

// lateTime is longer where another host may have sent it, by a clock of its own.
func (r *run) lateTime() time.Duration {
	if r.header.Filled {
		return lateTime + uploadWindow
	}
	return lateTime
}

// late names a key that may yet appear.
func (c *canceler) late(key, call string, sent time.Time) error {
	l := Late{key, call, sent, sent.Add(c.run.lateTime())}
	c.lateLock.Lock()
	defer c.lateLock.Unlock()
	c.out.Late = append(c.out.Late, l)
	return c.list.add(CanceledLine{Key: key, What: "late", Detail: fmt.Sprintf("until %s it may yet appear: its %s had no answer", l.Until.Format(time.RFC3339), call)}, new(uint64))
}
