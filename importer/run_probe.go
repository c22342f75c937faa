package importer

import (
	"context"
	"slices"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
)

// probeName names the probe's objects: devices of a job may be imported side by
// side, under one run id.
func (r *run) probeName(attempt string) string {
	return attempt + "-" + r.source.Scope().Device.String()[:8]
}

// prober is the probe of this start, which knows what the ones before it have left.
func (r *run) prober() *probe.Prober {
	return r.proberOf(r.attemptID()).After(r.trail)
}

// proberOf is a probe of an attempt.
func (r *run) proberOf(attempt string) *probe.Prober {
	return probe.New(r.target, r.calls, r.opts.Prefix+probe.Prefix+r.probeName(attempt)+"/", r.opts.Rules.Own())
}

// inspect probes the target and applies what was found.
func (r *run) inspect(ctx context.Context) (err error) {
	if err := r.sweepProbes(ctx); err != nil {
		return err
	}
	var sets []target.Attributes
	if !r.header.Begun {
		sets = r.opts.Rules.Sets() // what is refused now can be said otherwise in the same run
	}
	p := r.prober()
	r.probe, err = p.Probe(ctx, sets)
	r.trail = p.Unremoved()
	r.nameLeft(r.probe)
	if err != nil {
		return err
	}
	r.opts.Log.Info("target probed", "report", r.probe.String())
	if err := r.probe.Verdict(r.opts.wish()); err != nil {
		return err
	}
	r.conditional = r.probe.Conditional()
	if err := r.inspectNames(ctx); err != nil {
		return err
	}
	r.probe.Renames = rewrites(r.header.Renames)
	if r.header.Begun {
		return nil
	}
	if err := r.mark(ctx, false); err != nil {
		return err
	}
	r.header.Begun, r.header.Since = true, r.probe.Since
	return r.keepHeader(ctx)
}

// sweepProbes removes what the probe of a process left that had the run before us: of
// the one from which a state folder was copied, of all hosts before.
func (r *run) sweepProbes(ctx context.Context) error {
	from := r.header.Attempt
	switch {
	case r.mirror != nil:
		from = 1
	case r.header.Taken > 0:
		from--
	}
	for n := from; n < r.header.Attempt; n++ {
		p := r.proberOf(r.attempt(n))
		err := p.Sweep(ctx)
		r.nameLeft(p.Found())
		if err == nil {
			err = r.proberOf(r.attempt(n)).SweepNames(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nameLeft names what a probe could not remove. What it may remove later is kept for that.
func (r *run) nameLeft(p probe.Report) {
	r.mu.Lock()
	for _, key := range p.Kept {
		if !slices.Contains(r.keptKeys, key) {
			r.keptKeys = append(r.keptKeys, key)
		}
	}
	withhold := r.withheld != nil
	if withhold {
		r.withheld = append(r.withheld, p.Left...)
	}
	r.mu.Unlock()
	if withhold {
		return
	}
	for _, key := range p.Left {
		r.probeLeft(key)
	}
}

func (r *run) probeLeft(key string) {
	r.problem(target.NewError(target.CodeProbeLeft, key, "it, or an upload of it, could not be removed", nil))
}
