package importer

import (
	"context"
	"errors"
	"strings"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// maxLeftovers bounds the uploads that one sweep looks at.
const maxLeftovers = 10000

// sweepUploads looks, when every entry has its outcome or the run was given up, for uploads
// that nobody was told of: a Create that the network delivered twice, or after its time. None
// of ours is under way any more. One is taken for ours only if nothing else writes below the
// prefix, its key is that of an entry, we began it by the store's word, and that after this
// run first wrote to the store, both by the store's own clock. All others are left. A list
// that is refused costs nothing but what a lifecycle rule ends: unsearched says why nothing was
// looked for, where something should have been. It returns how many it has aborted.
func (r *run) sweepUploads(ctx context.Context) (aborted uint64, unsearched string) {
	switch {
	case !r.opts.ExclusivePrefix || !r.header.Begun:
		return 0, ""
	case !r.target.Capabilities().ListUploads:
		return 0, "the target lists none"
	case !r.probe.Done:
		return 0, "the target could not be probed"
	case !r.probe.ListsUploads:
		return 0, "the target does not list them: " + r.probe.UploadsUnlisted
	case r.header.Since.IsZero():
		return 0, "when the run began is not known by the target's clock"
	}
	found, n := map[string][]string{}, 0
	err := r.calls.Idempotent(ctx, request.Call{Name: request.ListMultipartUploads, Key: r.opts.Prefix}, func(ctx context.Context) error {
		clear(found)
		n = 0
		return r.target.ListUploadsBelow(ctx, r.opts.Prefix, func(u target.Upload) error {
			if u.Initiator != r.probe.Initiator || u.Initiated.Before(r.header.Since) || strings.HasPrefix(u.Key, r.opts.Prefix+probe.Prefix) || n == maxLeftovers {
				return nil
			}
			n++
			found[u.Key] = append(found[u.Key], u.ID)
			return nil
		})
	})
	if err != nil {
		return 0, target.AsError(err).Cause
	}
	if n == 0 {
		return 0, ""
	}
	err = r.outlook.Entries(ctx, 0, func(e entry.Entry) error {
		if len(found) == 0 || ctx.Err() != nil || r.ours() != nil {
			return errSpanEnd
		}
		if e.Lost != nil {
			return nil
		}
		a, err := r.planner.Plan(e)
		if err != nil || a.Kind == plan.ActionNone {
			return nil
		}
		for _, id := range found[a.Key] {
			if errors.Join(r.ours(), r.calls.Look(ctx)) != nil {
				return errSpanEnd // whoever has taken the run over may have begun it
			}
			if r.giveBack(ctx, a.Key, id) == nil {
				aborted++
			}
		}
		delete(found, a.Key)
		return nil
	})
	if err != nil && !errors.Is(err, errSpanEnd) {
		return aborted, err.Error()
	}
	return aborted, ""
}

// sweepAtEnd does so for a run that ends, which says what it could not look for.
func (r *run) sweepAtEnd(ctx context.Context) {
	if _, unsearched := r.sweepUploads(ctx); unsearched != "" && ctx.Err() == nil {
		r.opts.Log.Log(ctx, request.LevelNotice, "uploads below the prefix that no answer told of were not looked for; a lifecycle rule (AbortIncompleteMultipartUpload) ends them", "why", unsearched)
	}
}
