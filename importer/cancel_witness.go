package importer

import (
	"context"
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// witnesses looks for what shows that a target is the one that a run was begun at. Another
// bucket of the same name answers each question by "not found", as the right one does of
// what is gone.
type witnesses struct {
	run     *run
	lag     *request.Wait
	looked  uint64
	refused error // of one that may not be looked at
}

// maxUploadsAsked bounds the uploads that are asked for: one suffices.
const maxUploadsAsked = 100

// remedyEmptied is for a cancel: only its operator knows why the target shows nothing.
const remedyEmptied = "check that endpoint, bucket and credentials are those of the first start, then run the same command again; if the run's objects were removed by other means, say so: --emptied"

// errWitness ends the search.
var errWitness = errors.New("it is there")

// mustShowMarker refuses to give up a run at a target that shows nothing of it, before
// anything is recorded or removed. A run of which nothing can be there needs no witness: it
// has no marker, or had it removed, and the journal knows no object and no upload. With a
// journal in the target its leases were asked for (lead).
func (r *run) mustShowMarker(ctx context.Context) error {
	if r.mirror != nil {
		return nil
	}
	var ended finished
	if _, err := r.journal.load(finishedKey, &ended); err != nil {
		return err
	}
	if r.header.Marker == "" || ended.Cleared {
		return r.mustShow(ctx, true)
	}
	marker, err := r.markedByNow(ctx)
	if r.witnessed = marker.there; err != nil || marker.there {
		return err
	}
	// It may not have been written yet, or a cancel before this one has removed it.
	return r.mustShow(ctx, !r.header.Begun || r.header.Canceled)
}

// markedByNow is marked, asked again for a while where the marker was written moments ago.
func (r *run) markedByNow(ctx context.Context) (marker sight, err error) {
	hidden := errors.New("the marker is not shown")
	err = r.calls.NewWait().Since(ctx, r.lateSince(r.header.Marked), func(err error) bool { return errors.Is(err, hidden) }, func() (err error) {
		if marker, err = r.marked(ctx, false); err == nil && !marker.there && marker.hidden == nil {
			err = hidden
		}
		return err
	})
	if errors.Is(err, hidden) && !errors.Is(err, request.ErrStopped) {
		err = nil
	}
	return marker, err
}

// mustShow looks at a sample of the objects that the journal holds for stored, and at some
// uploads. None of them is CodeTargetChanged; idle allows that there is none to look at.
func (r *run) mustShow(ctx context.Context, idle bool) error {
	w := &witnesses{run: r, lag: r.calls.NewWait()}
	sample, _, err := r.drawHeld(recheckSize)
	if err == nil {
		err = w.walk(ctx, sample, w.object)
	}
	if err == nil {
		sample, err = w.uploads()
	}
	if err == nil {
		err = w.walk(ctx, sample, w.upload)
	}
	switch {
	case errors.Is(err, errWitness):
		return nil
	case err != nil:
		return err
	case w.refused != nil:
		return w.refused
	case w.looked == 0 && idle:
		return nil
	}
	if r.opts.Emptied {
		r.opts.Log.Log(ctx, request.LevelNotice, "the target shows nothing of the run; it was emptied, by your word", "looked for", w.looked)
		return nil
	}
	e := target.NewError(target.CodeTargetChanged, "", fmt.Sprintf("the target shows nothing of run %s: its marker is not there, and of its objects and uploads %s looked for: nothing was canceled",
		r.opts.RunID, were(w.looked)), nil)
	e.Remedy = remedyEmptied
	return e
}

func (w *witnesses) walk(ctx context.Context, places []entry.Place, f func(context.Context, entry.Place, *plan.Action) error) error {
	return (&rechecker{run: w.run}).pages(ctx, places, func(e entry.Entry) error {
		a, err := w.run.planner.Plan(e)
		if err != nil || a.Kind == plan.ActionNone {
			return nil
		}
		return w.note(f(ctx, e.Place(), a))
	})
}

// note counts an answer that is no witness.
func (w *witnesses) note(err error) error {
	switch {
	case err == nil || target.IsNotFound(err) || target.HasCode(err, target.CodeUploadGone):
		w.looked++
	case request.Forbidden(err), target.HasCode(err, target.CodeNotShown), target.HasCode(err, target.CodeRefused): // it may have no such call
		w.refused = err
	default:
		return err
	}
	return nil
}

// object is a witness if it says that it is the run's. One that was there before the run
// is one by its content.
func (w *witnesses) object(ctx context.Context, at entry.Place, a *plan.Action) error {
	o := heldObject{action: a}
	if _, err := w.run.journal.load(journalKey('o', uint64(at)), &o.rec); err != nil {
		return err
	}
	obj, err := w.run.headByNow(ctx, w.lag, a.Key, o.rec.Verified)
	if err == nil && (w.run.wrote(a, obj) || o.rec.Outcome == entry.OutcomeAlreadyThere && o.is(obj)) {
		return errWitness
	}
	return err
}

// upload is a witness if the target knows it.
func (w *witnesses) upload(ctx context.Context, at entry.Place, a *plan.Action) error {
	r := w.run
	p, _, err := r.journal.upload(at)
	if err != nil {
		return err
	}
	err = w.lag.Since(ctx, r.lateSince(p.At), func(err error) bool { return target.HasCode(err, target.CodeUploadGone) }, func() error {
		return r.calls.Idempotent(ctx, request.Call{Name: request.ListParts, Key: a.Key}, func(ctx context.Context) error {
			return r.target.ListParts(ctx, a.Key, p.UploadID, func(target.Part) error { return nil })
		})
	})
	if err == nil {
		return errWitness
	}
	return err
}

// uploads are places of uploads that have an id, and were not aborted.
func (w *witnesses) uploads() (places []entry.Place, err error) {
	rows := w.run.journal.cursor('u', 0)
	for len(places) < maxUploadsAsked {
		var p pending
		at, ok, err := rows.next(&p)
		if err != nil || !ok {
			return places, err
		}
		if p.UploadID != "" && !p.Aborted {
			places = append(places, entry.Place(at))
		}
	}
	return places, nil
}
