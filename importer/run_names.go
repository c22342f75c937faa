package importer

import (
	"context"
	"slices"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// inspectNames has the probe try what is odd about the manifest's keys, each oddity once
// in a run. Entries with a key that would not come back under its own name are then
// refused: the planner asks renamed. A run that was begun without this goes on without.
func (r *run) inspectNames(ctx context.Context) error {
	if r.header.Named || r.header.Begun && r.header.Odd == nil {
		return nil
	}
	odd, whole, err := r.oddOf(ctx)
	if err != nil {
		return err
	}
	odd = slices.DeleteFunc(odd, func(o plan.Oddity) bool { return slices.Contains(r.header.Odd, o.ID) })
	p := r.prober()
	renamed, err := p.Names(ctx, odd)
	r.trail = p.Unremoved()
	r.nameLeft(p.Found())
	if err != nil {
		return err
	}
	r.header.Odd, r.header.Named = append([]string{}, r.header.Odd...), whole
	for _, o := range odd {
		r.header.Odd = append(r.header.Odd, o.ID)
	}
	for _, o := range renamed {
		r.header.Renames = append(r.header.Renames, o.ID)
	}
	r.planner.Rename(r.header.Renames)
	if err := r.journal.store(headerKey, r.header, true); err != nil {
		return err
	}
	return r.noteKept()
}

// rewrites names what this target rewrites, for reports.
func rewrites(ids []string) (names []string) {
	for _, odd := range plan.AllOddities {
		if slices.Contains(ids, odd.ID) {
			names = append(names, odd.What)
		}
	}
	return names
}

// oddOf walks all entries for what is odd about their keys below the prefix. whole is
// false if a page could not be read.
func (r *run) oddOf(ctx context.Context) (odd []plan.Oddity, whole bool, err error) {
	names, whole := plan.NewOddities(), true
	err = r.source.Entries(ctx, 0, func(e entry.Entry) error {
		switch {
		case ctx.Err() != nil:
			return request.ErrStopped
		case e.Lost != nil:
			if own := target.OwnFault("", e.Lost); own != nil {
				return own
			}
			whole = false
			return nil
		case e.Record == nil:
			return nil
		}
		if name, ok := r.planner.KeyName(e); ok {
			names.Add(name)
		}
		return nil
	})
	return names.List(), whole, err
}
