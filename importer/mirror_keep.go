package importer

import (
	"context"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// keepHeader fixes the options: in the target, where another host may have done so
// first, then here.
func (r *run) keepHeader(ctx context.Context) error {
	if r.mirror == nil {
		return r.journal.store(headerKey, r.header, true)
	}
	shared := header{Version: r.header.Version, Options: r.header.Options, Started: r.header.Started, Begun: true,
		Odd: r.header.Odd, Named: r.header.Named, Renames: r.header.Renames}
	err := r.mirror.put(ctx, mirrorHeader, shared, true)
	if target.HasCode(err, target.CodeKeyExists) {
		var first header
		switch err = r.mirror.getWritten(ctx, mirrorHeader, maxMirrorSmall, &first); {
		case target.IsNotFound(err):
			err = mirrorNotShown(r.mirror.prefix+mirrorHeader, err)
		case err == nil:
			err = r.sharedOptions(ctx, shared.Options)
		}
		if err == nil {
			r.mu.Lock()
			r.header.Started = first.Started
			r.planner.Since(first.Started)
			r.mu.Unlock()
		}
	}
	if err != nil {
		return err
	}
	return r.journal.store(headerKey, r.header, true)
}

// keepUpload makes an upload known, here and in the target. With an id it looks whether
// the run is still ours: who takes it over after that look finds the upload.
func (r *run) keepUpload(ctx context.Context, t *transfer, p pending) error {
	if err := r.journal.setUpload(t.at, p); err != nil || r.mirror == nil {
		return err
	}
	if err := r.mirror.put(ctx, uploadName(r.mirror.number.Load(), t.at), mirrorUpload{pending: p, Key: t.action.Key}, false); err != nil {
		return err
	}
	if p.UploadID == "" {
		return nil
	}
	return r.mirror.check(ctx)
}

// dropUpload forgets an upload that is no more. One that stays in the target's journal
// does no harm: whoever looks for it is told that there is none.
func (r *run) dropUpload(ctx context.Context, at entry.Place) error {
	if r.mirror != nil && r.ours() == nil {
		if err := r.mirror.remove(context.WithoutCancel(ctx), uploadName(r.mirror.number.Load(), at)); err != nil {
			r.opts.Log.Debug("the journal in the target", "error", err)
		}
	}
	return r.journal.forgetUpload(at)
}

// keepPage says that a page is done. The target gets its outcomes as hints: one that
// is lacking there costs another host some calls.
func (r *run) keepPage(ctx context.Context, page uint64, t entry.Tally) error {
	if r.mirror != nil && r.ours() == nil {
		if err := r.sharePage(context.WithoutCancel(ctx), page); err != nil {
			r.opts.Log.Debug("the journal in the target", "error", err)
		}
	}
	return r.keep(ctx, func() error { return r.journal.setPage(page, t) })
}

func (r *run) sharePage(ctx context.Context, page uint64) error {
	var p mirrorPage
	for rows := r.journal.cursor('o', uint64(entry.PlaceOf(page, 0))); ; {
		var rec record
		at, ok, err := rows.next(&rec)
		if err != nil {
			return err
		}
		if !ok || entry.Place(at).Page() != page {
			break
		}
		p.Outcomes = append(p.Outcomes, mirrorOutcome{entry.Place(at), rec})
	}
	if len(p.Outcomes) == 0 {
		return nil
	}
	return r.mirror.put(ctx, pageName(page), p, false)
}

// keepLeft notes an upload that could not be aborted. A host that takes the run over and
// does not find the mark in the target takes the upload up, which does no harm.
func (r *run) keepLeft(ctx context.Context, t *transfer, p pending) error {
	if r.mirror != nil && r.ours() == nil {
		u := mirrorUpload{pending: p, Key: t.action.Key}
		if err := r.mirror.put(context.WithoutCancel(ctx), uploadName(r.mirror.number.Load(), t.at), u, false); err != nil {
			r.opts.Log.Debug("the journal in the target", "error", err)
		}
	}
	return r.journal.setUpload(t.at, p)
}

// clearMirror removes what a complete run has no use for, unless another host has it by
// now. Leases and header stay, so that no other host takes the run for one that has not
// begun, and uploads that could not be aborted, for a cancel on any host. What is cut
// short is named, and done at the next start.
func (r *run) clearMirror(ctx context.Context, end *finished) error {
	err := r.mirror.check(ctx)
	switch {
	case target.HasCode(err, target.CodeTakenOver):
		err = nil // that host's run clears it
	case err == nil:
		none := func(string) bool { return false }
		err = request.First([]error{r.mirror.clear(ctx, mirrorUploads, r.uploadStays), r.mirror.clear(ctx, mirrorPages, none)})
	}
	if err != nil {
		r.problem(target.NewError(target.CodeJournalLeft, r.mirror.prefix, notRemoved(err), err))
		return nil
	}
	end.Cleared = true
	return r.journal.store(finishedKey, end, true)
}

// uploadStays tells an upload of ours that could not be aborted.
func (r *run) uploadStays(name string) bool {
	lease, at, ok := parseUpload(name)
	if !ok || lease != r.mirror.number.Load() {
		return false
	}
	p, ok, err := r.journal.upload(at)
	return err != nil || ok && p.Left
}

// cancelMirror removes all but the lease that says that the run was given up, and
// returns that one's key.
func (r *run) cancelMirror(ctx context.Context) (left string, err error) {
	last := lease.Name(r.mirror.number.Load())
	return r.mirror.prefix + last, r.mirror.clear(ctx, "", func(name string) bool { return name == last })
}
