package importer

import "context"

// AwaitStop hears the operator of a run that has ended and whose state folder is still held. It
// returns true once a stop is asked for, at once where that was during the run, and false when
// ctx ends. Commit and CleanUp hear by themselves: neither may be under way.
func (res *Result) AwaitStop(ctx context.Context) bool {
	for r := res.run; ; {
		if r.heed(r.teller); r.asked.Load() {
			return true
		}
		if !r.calls.Gate.Rest(ctx, r.tellEvery()) {
			return false
		}
	}
}
