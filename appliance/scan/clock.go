package scan

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

// A file that is changed twice in one tick of its file system's clock gets the
// same time twice. So a file is read only when the tick of its last change is
// over: every later change then shows in its times, while it is read and for ever.
const (
	tick       = 11 * time.Millisecond // no shorter than the system's timer tick
	remoteTick = 20 * time.Millisecond // the same of servers
	coarseTick = 2 * time.Second       // FAT's, the coarsest
)

// tickOf returns how long after a file's last change another one may get the same
// time. Times without a fraction of a second come from a clock without one: no
// fine clock gives two of them.
func tickOf(v vfs.Volume, mtime, ctime int64) time.Duration {
	coarse := v.Coarse
	if coarse == 0 && mtime%int64(time.Second) == 0 && ctime%int64(time.Second) == 0 {
		coarse = coarseTick
	}
	if v.Remote {
		return coarse + remoteTick
	}
	return coarse + tick
}

// clock tells when files are settled. It never compares a server's clock
// with the local one to call a file settled: it counts local time since a look
// that has seen the file's time, or compares times of one server.
type clock struct {
	opened time.Time
	looked atomic.Int64 // when the last scan had looked at everything, after opened

	mu      sync.Mutex
	servers map[uint64]serverTime // by device number
}

// serverTime: the server's clock showed stamp, or more, at the local time at.
type serverTime struct {
	stamp int64
	at    time.Time
}

// scanned says that all that the scan has seen was seen before now.
func (c *clock) scanned() { c.looked.Store(int64(time.Since(c.opened))) }

// unsettled returns how long to wait until a file that looks like this, now, is
// settled: 0 if it is. seen says that the scan saw the same times; a list that an
// earlier call made was made before the source was opened.
func (c *clock) unsettled(v vfs.Volume, dev uint64, mtime, ctime int64, seen bool) time.Duration {
	t := tickOf(v, mtime, ctime)
	wait := t
	if seen {
		wait = min(wait, t-(time.Since(c.opened)-time.Duration(c.looked.Load())))
	}
	if v.Remote {
		wait = min(wait, c.behind(dev, ctime+int64(t)))
	} else if age := time.Since(time.Unix(0, ctime)); age < 0 {
		wait = 0 // from before the clock was set: no change from now on gets it again
	} else {
		wait = min(wait, t-age)
	}
	return max(wait, 0)
}

// note remembers a time that a server has given a file.
func (c *clock) note(v vfs.Volume, dev uint64, ctime int64) {
	if !v.Remote {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.servers == nil {
		c.servers = map[uint64]serverTime{}
	}
	now := time.Now()
	if old, ok := c.servers[dev]; !ok || ctime > old.stamp+int64(now.Sub(old.at)) {
		c.servers[dev] = serverTime{ctime, now}
	}
}

// behind returns how far a server's clock is surely no further behind than from
// this time. A stamp in the local future may have been set by a client: no more is
// made of it than the local time.
func (c *clock) behind(dev uint64, until int64) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.servers[dev]
	if !ok {
		return coarseTick + time.Hour
	}
	now := time.Now()
	return time.Duration(until - min(s.stamp+int64(now.Sub(s.at)), now.UnixNano()))
}

// sleep waits, or returns the context's cause.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
