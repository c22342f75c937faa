package importer

import (
	"context"
	"time"

	"github.com/sledge-io/sledge/importer/request"
)

// tellHours says when the run's hours end, and when they begin: nobody shall look at a run
// that does nothing and not know why. The gate keeps the hours.
func (r *run) tellHours(t *teller) {
	now := r.opts.Now()
	open := r.opts.Hours.Open(now)
	if open == !t.asleep {
		return
	}
	t.asleep = !open
	if open {
		r.opts.Log.Log(context.Background(), request.LevelNotice, "the run's hours have begun: it goes on")
		return
	}
	r.opts.Log.Log(context.Background(), request.LevelNotice, "outside of the run's hours no request begins; what is under way is finished", "until", r.opts.Hours.Next(now))
}

// opens is when requests may begin again; zero while they may.
func (r *run) opens() time.Time {
	if now := r.opts.Now(); !r.opts.Hours.Open(now) {
		return r.opts.Hours.Next(now).UTC()
	}
	return time.Time{}
}
