package importer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// Cancel gives a run up for good: its unfinished uploads are aborted, and with
// remove its objects are deleted, each only if HEAD shows that it is ours and has
// the manifest's checksum. Objects that were there before the run are never
// touched. What a process that was killed had sent and not written down is found by
// HEAD of every entry without an outcome. The options are those of Run; calling it
// again goes on, and finds what came late. Cancelling ctx begins no other request, and gives
// those that are under way three seconds. A run that the folder does not know is refused
// (CodeStateMismatch), and so is a target that shows nothing of it (CodeTargetChanged),
// unless Options.Emptied says why: nothing is touched then. Pages that cannot be read are an error
// (CodePageLost): what is on them is named as a number only.
func Cancel(ctx context.Context, source entry.Source, target target.Target, opts Options, remove bool) (*Canceled, error) {
	r, runCtx, err := newRun(ctx, source, target, opts)
	if err != nil {
		return nil, err
	}
	defer r.cancel()
	r.canceling = true
	if err := r.open(runCtx); err != nil {
		if errors.Is(err, request.ErrStopped) && ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	if err := r.mustShowMarker(runCtx); err != nil {
		r.journal.close() // nothing was written
		if errors.Is(err, request.ErrStopped) && ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	c := &canceler{run: r, remove: remove, lag: r.calls.NewWait(), lastSent: r.lastSent()}
	err = c.all(ctx)
	r.removeKept(ctx, false)
	if closeErr := r.journal.close(); err == nil {
		err = closeErr
	}
	if errors.Is(err, request.ErrStopped) && ctx.Err() != nil {
		err = ctx.Err()
	}
	c.out.Uploads = r.uploadsLeft.count()
	return &c.out, err
}

type canceler struct {
	run      *run
	remove   bool
	list     *canceledList
	lag      *request.Wait
	lastSent time.Time
	lateLock sync.Mutex
	met      uint64 // uploads that the journal knows, whose entries were met
	out      Canceled
}

func (c *canceler) all(ctx context.Context) (err error) {
	r := c.run
	c.attempt()
	if err := c.recorded(); err != nil {
		return err
	}
	if err := r.sweepProbes(ctx); err != nil {
		return err
	}
	if err := r.proberOf(r.attemptID()).SweepNames(ctx); err != nil {
		return err
	}
	if err := c.examine(ctx); err != nil {
		return err
	}
	if err := c.record(ctx, lease.This()); err != nil {
		return err
	}
	if r.outlook, err = r.checkKeys(ctx, r.journal); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.outlook.Close()) }()
	if c.list, err = newCanceledList(r.opts.StateDir, r.base); err != nil {
		r.tellCanceled()
		return err
	}
	c.out.List = c.list.name
	defer c.telling()()
	uploads, err := r.journal.count('u')
	if err != nil {
		return errors.Join(err, c.list.close())
	}
	if r.opts.Uncommit != nil {
		err = c.uncommit(ctx)
	}
	if err == nil {
		err = c.leaveMarker(ctx)
	}
	if err == nil {
		err = c.entries(ctx)
	}
	if err == nil {
		err = c.unseen(uploads)
		aborted, unsearched := r.sweepUploads(ctx)
		c.list.count(&c.out.Aborted, aborted)
		c.unsearched(unsearched)
	}
	err = errors.Join(err, c.list.close())
	if err == nil {
		c.run.removeKept(ctx, true)
		err = c.clear(ctx)
	}
	return err
}

// attempt takes a number of its own where the run was another process's, which may still
// be at work: the probe's objects are named by it.
func (c *canceler) attempt() {
	r := c.run
	taken := r.takenNow()
	switch {
	case r.mirror != nil:
		r.header.Lease, r.header.Attempt = r.mirror.number.Load(), int(r.mirror.number.Load())
		c.out.JournalLeft = r.mirror.prefix
	case taken:
		r.header.Attempt++
	}
}

// clear removes the journal from the target, unless it tells of something that is left.
func (c *canceler) clear(ctx context.Context) error {
	r := c.run
	if r.mirror == nil {
		if err := r.journal.flush(); err != nil { // before the marker goes: the next cancel needs one of both
			return err
		}
		if !r.markerGone(ctx) {
			c.out.JournalLeft = r.opts.Prefix + journalName(r.source.Scope(), r.opts.RunID)
			return request.StoppedBy(ctx)
		}
		if !r.header.mayHaveMarker() {
			return nil
		}
		r.header.Marker, r.header.MarkerAt, r.header.Earlier = "", nil, false // the next cancel does not wait for it
		return r.journal.store(headerKey, r.header, true)
	}
	if c.out.Failed > 0 || len(c.out.Late) > 0 {
		return nil
	}
	uploads, err := r.journal.count('u')
	if err != nil || uploads > 0 {
		return err
	}
	key, err := r.cancelMirror(ctx)
	switch {
	case err == nil:
		c.out.Journal, c.out.JournalLeft = key, ""
	case target.HasCode(err, target.CodeJournalLeft):
		r.problem(target.AsError(err)) // all else is done
		return nil
	}
	return err
}

// unseen counts the uploads that no page named. With more disks another call does.
func (c *canceler) unseen(uploads uint64) error {
	r := c.run
	if n := uploads - c.met; n > 0 {
		r.uploadsLeft.add(n)
		r.problem(target.NewError(target.CodeOrphanUpload, "", fmt.Sprintf("%d uploads of entries that cannot be read", n), nil))
	}
	if r.lost > 0 {
		return r.left
	}
	return nil
}

// given is one entry that has to be asked for, and what the journal knows of it.
type given struct {
	entry  entry.Entry
	action *plan.Action
	rec    record
	begun  bool // it has an upload
	upload pending
	known  bool // it was stored
	there  bool // HEAD has shown something under its key
}

// entries goes over all of them, for only they know their keys, and hands those that may
// be in the target to as many workers as a run has.
func (c *canceler) entries(ctx context.Context) error {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	work := make(chan *given)
	ends := make([]error, c.run.opts.Concurrency)
	var workers sync.WaitGroup
	for i := range ends {
		workers.Go(func() {
			for g := range work {
				if err := c.one(ctx, g); err != nil && ends[i] == nil {
					ends[i] = err
					quit()
				}
			}
		})
	}
	err := c.walk(ctx, work)
	close(work)
	workers.Wait()
	return request.First(append(ends, err))
}

func (c *canceler) walk(ctx context.Context, work chan<- *given) (err error) {
	r := c.run
	past := r.journal.past(0)
	return r.outlook.Entries(ctx, 0, func(e entry.Entry) error {
		if ctx.Err() != nil {
			return request.ErrStopped
		}
		if e.Lost != nil {
			r.losePage(e)
			return nil
		}
		g := &given{entry: e}
		ok, err := past.outcomes.load(e.Place(), &g.rec)
		if err != nil {
			return err
		}
		if g.begun, err = past.uploads.load(e.Place(), &g.upload); err != nil {
			return err
		}
		g.known = ok && g.rec.Outcome == entry.OutcomeStored
		if !g.known && !g.begun && !c.mayBeThere(g.rec, ok) {
			return nil
		}
		g.entry.Clash = entry.Clash{} // what collides with it may have been on a page that was lost then
		if g.action, err = r.planner.Plan(g.entry); err != nil || g.action.Kind == plan.ActionNone {
			return nil
		}
		if g.begun {
			c.met++
		}
		select {
		case work <- g:
			return nil
		case <-ctx.Done():
			return request.ErrStopped
		}
	})
}

// mayBeThere tells an entry whose object may be in the target without our knowing: one
// without an outcome, whose request a process may have sent before it was killed, and one
// that failed, whose answer may have been lost. The entries of a page that is done have
// outcomes that stand. Another host may have brought any to another outcome.
func (c *canceler) mayBeThere(rec record, ok bool) bool {
	h := c.run.header
	switch {
	case h.Filled:
		return true
	case !h.Begun:
		return false // nothing was ever sent
	}
	return !ok || rec.Outcome == entry.OutcomeFailed || rec.Outcome == entry.OutcomeConflict
}

func (c *canceler) one(ctx context.Context, g *given) error {
	if ctx.Err() != nil {
		return request.ErrStopped
	}
	if sent := c.joinSent(g); c.run.mayComeLate(sent) {
		return c.joined(ctx, g, sent)
	}
	if g.begun {
		if err := c.abort(ctx, g); err != nil {
			return err
		}
	}
	return c.object(ctx, g)
}

func (c *canceler) abort(ctx context.Context, g *given) error {
	r, at := c.run, g.entry.Place()
	if g.upload.UploadID == "" {
		c.giveUp(ctx, g)
		return r.dropUpload(ctx, at)
	}
	t := &transfer{run: r, at: at, entry: g.entry, action: g.action, begun: true, settled: true}
	if err := r.abort(ctx, t); err != nil {
		return err
	}
	if !t.begun {
		c.list.count(&c.out.Aborted, 1)
	}
	return nil
}

// object names an object of ours, and removes it if that is wished and it is what
// we stored. A wrong answer of HEAD only leaves an object. What was stored without our
// knowing is not ours unless HEAD says so.
func (c *canceler) object(ctx context.Context, g *given) error {
	r, key := c.run, g.action.Key
	looked := r.opts.Now()
	obj, err := r.headByNow(ctx, c.lag, key, c.written(g))
	switch {
	case errors.Is(err, request.ErrStopped):
		return err
	case target.IsNotFound(err) && g.known:
		return errors.Join(c.line(g, obj, "gone", "the target has no such object any more", &c.out.Gone), r.journal.forgetOutcome(g.entry.Place()))
	case target.IsNotFound(err):
		return nil
	case ends(err) && !request.Forbidden(err):
		return err
	case err != nil:
		return c.line(g, obj, "failed", target.AsError(err).Cause, &c.out.Failed)
	}
	if g.there = true; !g.known && !r.wrote(g.action, obj) {
		return nil
	}
	ours, err := c.stored(ctx, g, obj)
	switch {
	case errors.Is(err, request.ErrStopped) || target.IsCanceled(err):
		return err
	case err != nil:
		return c.line(g, obj, "failed", target.AsError(err).Cause, &c.out.Failed)
	case !ours:
		return c.line(g, obj, "changed", "it is not what this run stored", &c.out.Changed)
	case !c.remove:
		return c.line(g, obj, "left", "", &c.out.Left)
	}
	replaced, err := r.deleteSeen(ctx, key, obj, looked)
	switch {
	case target.IsNotFound(err):
		return errors.Join(c.line(g, obj, "gone", "the target has no such object any more", &c.out.Gone), r.journal.forgetOutcome(g.entry.Place()))
	case replaced:
		return c.line(g, obj, "changed", "somebody has stored another object in its place", &c.out.Changed)
	case err != nil && ends(err) && !request.Forbidden(err):
		return err
	case err != nil:
		return c.line(g, obj, "failed", fmt.Sprintf("it could not be deleted: %s", target.AsError(err).Cause), &c.out.Failed)
	}
	return errors.Join(c.line(g, obj, "deleted", "", &c.out.Deleted), r.journal.forgetOutcome(g.entry.Place()))
}

// written is when an entry's object was written at the latest. Of one without an outcome, and
// of one that failed, a process that was killed may have sent it at its end.
func (c *canceler) written(g *given) time.Time {
	if g.known {
		return g.rec.Verified
	}
	return later(c.lastSent, g.upload.open())
}

// ends tells an error that is not of one object.
func ends(err error) bool {
	return errors.Is(err, request.ErrStopped) || target.IsCanceled(err) || target.IsClass(err, target.Fixable)
}

// wrote tells an object that says of itself that it is this run's.
func (r *run) wrote(a *plan.Action, obj target.Object) bool {
	return obj.Metadata[plan.MetaEntry] == a.EntryID && obj.Metadata[plan.MetaRun] == r.opts.RunID
}

// stored tells an object of this run with the checksum that it was sent with. That of
// one that was cut anew is in its outcome; without one its content is read once more. Where
// HEAD tells no checksum the object has ETag and version of then, or its content is read back.
func (c *canceler) stored(ctx context.Context, g *given, obj target.Object) (bool, error) {
	r, a, rec := c.run, g.action, g.rec
	if !r.wrote(a, obj) {
		return false, nil
	}
	if rec.Parts == nil {
		if err := r.cutAnew(ctx, &transfer{run: r, at: g.entry.Place(), entry: g.entry, action: a}); err != nil {
			return false, err
		}
	}
	x := a.Expected()
	if rec.Parts != nil {
		own, err := x.Recut(rec.Parts.Checksum)
		if err != nil {
			return false, err
		}
		x = *own
	}
	verdict, _ := x.Compare(obj, true)
	if verdict != content.Incomparable || g.known && rec.isStill(obj) {
		return verdict != content.Different, nil
	}
	err := readBack(ctx, r.calls, r.target, a.Key, obj.VersionID, x)
	if target.HasCode(err, target.CodeStoredWrong) || target.IsNotFound(err) {
		return false, nil
	}
	return err == nil, err
}

// isStill tells the object of then by the store's own words for it.
func (r record) isStill(obj target.Object) bool {
	return r.ETag != "" && r.ETag == obj.ETag && r.VersionID == obj.VersionID
}

func (c *canceler) line(g *given, obj target.Object, what, detail string, count *uint64) error {
	return c.list.add(CanceledLine{g.action.Key, obj.VersionID, what, detail}, count)
}
