package importer

import (
	"context"
	"errors"
)

// keepHeader fixes the options: in the target, where another host may have done so
// first, then here.
func (r *run) keepHeader(ctx context.Context) error {
	if r.mirror == nil {
		return r.journal.store(headerKey, r.header, true)
	}
	shared := header{Version: r.header.Version, Options: r.header.Options, Started: r.header.Started, Begun: true}
	err := r.mirror.put(ctx, mirrorHeader, shared, true)
	if hasCode(err, codeKeyExists) {
		var first header
		if err = r.mirror.get(ctx, mirrorHeader, maxMirrorSmall, &first); err == nil {
			err = r.sharedOptions(ctx, shared.Options)
		}
		if err == nil {
			r.mu.Lock()
			r.header.Started, r.planner.started = first.Started, first.Started
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
	if err := r.mirror.put(ctx, uploadName(r.mirror.number, t.at), mirrorUpload{pending: p, Key: t.action.Key}, false); err != nil {
		return err
	}
	if p.UploadID == "" {
		return nil
	}
	return r.mirror.check(ctx)
}

// dropUpload forgets an upload that is no more. One that stays in the target's journal
// does no harm: whoever looks for it is told that there is none.
func (r *run) dropUpload(ctx context.Context, at place) error {
	if r.mirror != nil && r.ours() == nil {
		if err := r.mirror.remove(context.WithoutCancel(ctx), uploadName(r.mirror.number, at)); err != nil {
			r.opts.Log.Debug("the journal in the target", "error", err)
		}
	}
	return r.journal.forgetUpload(at)
}

// keepPage says that a page is done. The target gets its outcomes as hints: one that
// is lacking there costs another host some calls.
func (r *run) keepPage(ctx context.Context, page uint64, t Tally) error {
	if r.mirror != nil && r.ours() == nil {
		if err := r.sharePage(context.WithoutCancel(ctx), page); err != nil {
			r.opts.Log.Debug("the journal in the target", "error", err)
		}
	}
	return r.keep(ctx, func() error { return r.journal.setPage(page, t) })
}

func (r *run) sharePage(ctx context.Context, page uint64) error {
	var p mirrorPage
	rows, err := r.journal.cursor('o', uint64(placeOf(page, 0)))
	if err != nil {
		return err
	}
	for {
		var rec record
		at, ok, err := rows.next(&rec)
		if err != nil {
			return errors.Join(err, rows.close())
		}
		if !ok || place(at).page() != page {
			break
		}
		p.Outcomes = append(p.Outcomes, mirrorOutcome{place(at), rec})
	}
	if err := rows.close(); err != nil || len(p.Outcomes) == 0 {
		return err
	}
	return r.mirror.put(ctx, pageName(page), p, false)
}

// clearMirror removes what a complete run has no use for. Leases and header stay, so
// that no other host takes the run for one that has not begun. What cannot be removed
// is named, and tried again by each later start.
func (r *run) clearMirror(ctx context.Context, end *finished) error {
	m, err := r.endedMirror(ctx)
	if err == nil {
		err = errors.Join(m.clear(ctx, mirrorUploads, ""), m.clear(ctx, mirrorPages, ""))
	}
	switch {
	case err == nil:
		end.Cleared = true
		return r.journal.store(finishedKey, end, true)
	case !errors.Is(err, errStopped) && !hasCode(err, CodeTakenOver):
		r.problem(newError(CodeJournalLeft, r.opts.Prefix+journalName(r.source.Scope(), r.opts.RunID), asError(err).Cause, err))
	}
	return nil
}

// endedMirror is the run's mirror, or, where this start found the run at its end and
// claimed nothing, that of the start which brought it there.
func (r *run) endedMirror(ctx context.Context) (m *mirror, err error) {
	if r.mirror != nil {
		return r.mirror, nil
	}
	if m, err = newMirror(r); err != nil {
		return nil, err
	}
	m.number = r.header.Lease
	if m.id, err = r.identity(); err != nil {
		return nil, err
	}
	return m, m.check(ctx)
}

// cancelMirror removes all but the lease that says that the run was given up, and
// returns that one's key.
func (r *run) cancelMirror(ctx context.Context) (left string, err error) {
	last := leaseName(r.mirror.number)
	return r.mirror.prefix + last, r.mirror.clear(ctx, "", last)
}
