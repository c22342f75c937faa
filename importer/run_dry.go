package importer

import (
	"context"
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// dry plans every entry and asks the target for one key, so that an absent
// target, a missing bucket or wrong credentials show. It writes nothing.
func (r *run) dry(ctx context.Context) (*Result, error) {
	r.header.Attempt, r.header.Started = 1, r.opts.Now().UTC()
	err := request.Present(ctx, r.calls, r.target, r.opts.Prefix+probe.Prefix+"dry-run")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && !target.IsNotFound(err) {
		r.halted = target.AsError(err)
		res := r.result()
		res.DryRun = true
		return res, res.Halt
	}
	planned := &Planned{}
	outlook, err := r.checkKeys(ctx, nil)
	if err != nil {
		return nil, request.OfContext(ctx, err)
	}
	err = outlook.Entries(ctx, 0, func(e entry.Entry) error {
		if e.Lost != nil {
			r.losePage(e)
			return nil
		}
		rec := record{Outcome: entry.OutcomeStored}
		action, err := r.planner.Plan(e)
		if err != nil {
			rec = failure(err)
			r.problem(target.AsError(err))
		} else if action.Kind == plan.ActionNone {
			rec = record{Outcome: action.Outcome}
		} else {
			planned.add(action)
			if r.opts.EachPlanned != nil {
				if err := r.opts.EachPlanned(action.Key, action.Size, e.Record); err != nil {
					return err
				}
			}
		}
		r.count(e, rec)
		return ctx.Err()
	})
	err = errors.Join(err, outlook.Close())
	res := r.result()
	res.DryRun, res.Planned = true, planned
	if err == nil {
		totals, err := r.source.Totals()
		if err != nil {
			return res, fmt.Errorf("the manifest's totals: %w", err)
		}
		res.reconcile(r.tally.Manifest, totals, r.lost > 0)
	}
	if e := r.mayDefer(); err == nil && e != nil {
		res.Halt = target.AsError(e) // the run would refuse it
		return res, res.Halt
	}
	return res, err
}
