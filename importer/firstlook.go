package importer

import (
	"context"
	"slices"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// firstLook is what a start asks the target before its first entry: whether what earlier starts
// have stored is there, and what the target can do. Until the target has given one good answer
// nothing is waited for: the operator may have mistyped it. From then on what keeps it from
// answering is an outage, and halts the run as at any later time.
func (r *run) firstLook(ctx context.Context) error {
	if err := r.recheckFirst(ctx); err != nil {
		return err
	}
	defer r.nameWithheld()
	return r.outlast(ctx, func(ctx context.Context) error {
		earlier := r.withhold()
		err := r.inspect(ctx)
		if err != nil {
			r.nameLeft(probe.Report{Left: earlier})
			return err
		}
		r.removeEarlier(ctx, earlier)
		return nil
	})
}

// recheckFirst is the recheck of a start.
func (r *run) recheckFirst(ctx context.Context) error {
	err := r.outlast(ctx, func(ctx context.Context) error { return r.recheck(ctx, false) })
	r.found.Store(err == nil)
	return err
}

// outlast asks, and waits for the end of an outage. ErrStopped is the end of the run, and of
// waiting in vain, which has halted it.
func (r *run) outlast(ctx context.Context, ask func(context.Context) error) error {
	err := r.patientlyIf(ctx, r.outage, ask)
	if err != nil && ctx.Err() != nil {
		return request.ErrStopped
	}
	if err == nil {
		r.calls.Gate.Move() // the next outage is waited for anew
	}
	return err
}

// outage tells an error that is no word about what the operator has named and allowed: the
// target has answered, and now answers no call. A new run's probe finds out what the target
// refuses, by name or by kind of call, and that it says at once.
func (r *run) outage(e *target.Error) bool {
	return r.calls.Answered() && r.waits(e) && request.OfAnyCall(e) && (r.header.Begun || !request.MayMeanKey(e.Code))
}

// withhold keeps what a probe leaves from being named, as a later one may remove it, and
// returns what was withheld before.
func (r *run) withhold() (before []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before, r.withheld = r.withheld, []string{}
	return before
}

// nameWithheld names what is left, each key once.
func (r *run) nameWithheld() {
	r.mu.Lock()
	keys := r.withheld
	r.withheld = nil
	r.mu.Unlock()
	for i, key := range keys {
		if !slices.Contains(keys[:i], key) {
			r.probeLeft(key)
		}
	}
}

// removeEarlier removes what the probes of looks before the last one could not remove, and notes
// what is left. The last look's own probe writes some of these keys, and not all.
func (r *run) removeEarlier(ctx context.Context, keys []string) {
	p := r.prober()
	p.RemoveAll(ctx, keys)
	r.nameLeft(p.Found())
}
