package importer

import (
	"context"
	"os"
	"time"
)

// AwaitStop hears the operator of a run that has ended and whose state folder is still held. It
// returns true once a stop is asked for, at once where that was during the run, and false when
// ctx ends. Commit and CleanUp hear by themselves: neither may be under way. The status says
// meanwhile that somebody listens.
func (res *Result) AwaitStop(ctx context.Context) bool {
	r := res.run
	was, told := r.folder().Last()
	tell := func(at time.Time) {
		if told && r.opts.StatusEvery > 0 && r.ours() == nil {
			now := was
			if now.Listening = at; !at.IsZero() { // an earlier process may have told the rest
				now.Host, _ = os.Hostname()
				now.PID = os.Getpid()
			}
			r.teller.refresh(&now)
			r.teller.write(now)
		}
	}
	defer func() { tell(time.Time{}) }()
	for {
		if r.heed(r.teller); r.asked.Load() {
			return true
		}
		tell(r.opts.Now().UTC())
		if !r.calls.Gate.Rest(ctx, r.tellEvery()) {
			return false
		}
	}
}
