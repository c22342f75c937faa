package importer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// pass hands every entry that has no outcome yet to a worker. Several lanes walk
// different parts of the manifest, so that a store which partitions its keys by
// prefix gets requests for several prefixes at once.
func (r *run) pass(ctx context.Context) error {
	r.begin()
	spans, err := r.todo()
	if err != nil {
		return err
	}
	work := make(chan *transfer)
	large := make(chan struct{}, r.opts.manyParts())
	var workers sync.WaitGroup
	for range r.opts.Concurrency {
		workers.Go(func() {
			for t := range work {
				r.one(ctx, t)
				if t.large {
					<-large
				}
			}
		})
	}
	lists := split(spans, r.opts.Lanes)
	ends := make([]error, len(lists))
	walking, quit := context.WithCancel(ctx)
	defer quit()
	var lanes sync.WaitGroup
	for i, list := range lists {
		lanes.Go(func() {
			if ends[i] = r.lane(walking, list, line{work, large}); ends[i] != nil {
				quit()
			}
		})
	}
	lanes.Wait()
	close(work)
	workers.Wait()
	return request.First(ends)
}

// begin forgets what only the pass before has to do with.
func (r *run) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passes++
	r.unfinished, r.leftKeys, r.lost, r.held, r.left = 0, 0, 0, 0, nil
}

// first tells the first pass, which counts what earlier starts have done.
func (r *run) first() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.passes == 1
}

var errSpanEnd = errors.New("end of the span")

// lane walks its pages in order.
func (r *run) lane(ctx context.Context, list []span, work line) error {
	for _, s := range list {
		if err := r.span(ctx, s, work); err != nil {
			return err
		}
	}
	return nil
}

// span walks pages that are not done.
func (r *run) span(ctx context.Context, s span, work line) error {
	w := &walk{run: r, past: r.journal.past(entry.PlaceOf(s.from, 0)), work: work, next: s.from}
	err := r.outlook.Entries(ctx, s.from, func(e entry.Entry) error {
		if ctx.Err() != nil {
			return request.ErrStopped
		}
		if e.Page >= s.to {
			return w.beyond(ctx, s.to, e)
		}
		return w.entry(ctx, e)
	})
	if err != nil && err != errSpanEnd {
		return err
	}
	return w.through(ctx, s.to)
}

// walk is a span on its way: the page that entries come from, and those behind it.
type walk struct {
	run  *run
	past past
	work line
	page *pageWork // nil before the first entry
	next uint64    // the page after it, or after the last one without entries
}

// entry brings one entry on its way.
func (w *walk) entry(ctx context.Context, e entry.Entry) error {
	if e.Lost != nil {
		return w.lose(ctx, e)
	}
	if e.Record == nil || len(e.Raw) == 0 {
		return fmt.Errorf("page %d: the source gave no record", e.Page)
	}
	if err := w.turn(ctx, e.Page); err != nil {
		return err
	}
	r, at := w.run, e.Place()
	var rec record
	var earlier pending
	ok, err := w.past.outcomes.load(at, &rec)
	begun, otherErr := w.past.uploads.load(at, &earlier)
	if err = errors.Join(err, otherErr); err != nil {
		return err
	}
	w.page.begin()
	if ok && !rec.Hint && r.stands(rec) {
		return r.known(ctx, w.page, e, rec)
	}
	if e.Hidden != nil {
		r.leave(e.Hidden) // whether it is an object shows when what follows it is there
		return nil
	}
	if begun && earlier.Held && r.holding() && !r.first() {
		r.heldEarlier(e.Record.DataLength())
		return nil
	}
	if ok && !rec.Hint {
		// What is tried again has no outcome until then.
		if err := r.journal.forgetOutcome(at); err != nil {
			return err
		}
	}
	action, err := r.planner.Plan(e)
	if err != nil {
		return r.done(ctx, w.page, e, failure(err), err)
	}
	if action.Kind == plan.ActionNone {
		return r.done(ctx, w.page, e, record{Outcome: action.Outcome, Detail: action.Reason}, nil)
	}
	if r.opts.Marker != "" && action.Key == r.opts.Prefix+r.opts.Marker {
		err := target.NewError(target.CodeKeyCollision, e.Record.Path, "the commit marker is to have this key", nil)
		return r.done(ctx, w.page, e, failure(err), err)
	}
	return w.work.put(ctx, &transfer{run: r, at: at, page: w.page, entry: e, action: action, begun: begun, held: begun && earlier.Held, hint: rec})
}

// line is where lanes hand objects to the workers.
type line struct {
	work  chan<- *transfer
	large chan struct{} // a place for each object in parts that is worked on
}

// put waits until a worker takes the object. Those in parts have few places: each is many requests,
// and holds a digest for each part.
func (l line) put(ctx context.Context, t *transfer) error {
	if err := t.run.calls.Uncrowded(ctx, t.action.Key); err != nil {
		return err
	}
	if t.large = len(t.action.Parts) > 1; t.large {
		select {
		case l.large <- struct{}{}:
		case <-ctx.Done():
			return request.ErrStopped
		}
	}
	select {
	case l.work <- t:
		return nil
	case <-ctx.Done():
		return request.ErrStopped
	}
}

// turn goes on to a page. Those in between begin no entry, so they are done.
func (w *walk) turn(ctx context.Context, page uint64) error {
	if w.page != nil && w.page.page == page {
		return nil
	}
	if err := w.through(ctx, page); err != nil {
		return err
	}
	w.page, w.next = w.run.newPage(page), page+1
	return nil
}

// through ends the pages below a number.
func (w *walk) through(ctx context.Context, page uint64) error {
	if err := w.leavePage(ctx, true); err != nil {
		return err
	}
	for ; w.next < page; w.next++ {
		if err := w.run.newPage(w.next).done(ctx, true); err != nil {
			return err
		}
	}
	return nil
}

// leavePage ends the page that entries came from; ok is false if some may have been
// missed.
func (w *walk) leavePage(ctx context.Context, ok bool) error {
	if w.page == nil {
		return nil
	}
	page := w.page
	w.page = nil
	return page.done(ctx, ok)
}

// lose leaves a page for a start with more disks, and those before it up to the last one
// that entries came from: an entry that begins in one of them and goes on here did not come.
func (w *walk) lose(ctx context.Context, e entry.Entry) error {
	if err := w.leavePage(ctx, false); err != nil {
		return err
	}
	w.next = e.Page + 1
	w.run.losePage(e)
	return nil
}

// beyond meets the first page behind the span. If it is lost, an entry of the span
// that goes on there did not come.
func (w *walk) beyond(ctx context.Context, to uint64, e entry.Entry) error {
	if e.Lost == nil || w.page == nil && w.next == to {
		return errSpanEnd
	}
	w.run.leave(entry.LostPage(e))
	if err := w.leavePage(ctx, false); err != nil {
		return err
	}
	w.next = to
	return errSpanEnd
}

// stands tells an outcome that is not tried again now.
func (r *run) stands(rec record) bool {
	if rec.Outcome != entry.OutcomeFailed && rec.Outcome != entry.OutcomeConflict {
		return true
	}
	return !r.first() || r.opts.Retry != nil && !r.opts.Retry(rec.Code)
}

// known counts an entry that an earlier start, or pass, has brought to its outcome.
func (r *run) known(ctx context.Context, p *pageWork, e entry.Entry, rec record) error {
	if r.first() {
		r.count(e, rec)
		r.progress.Early(e, rec.Outcome)
	}
	return p.end(ctx, e, rec, rec.Outcome != entry.OutcomeFailed && rec.Outcome != entry.OutcomeConflict)
}

// countPage counts a page that an earlier start has done.
func (r *run) countPage(t entry.Tally) {
	if !r.first() {
		return
	}
	r.mu.Lock()
	r.tally.Merge(t)
	r.mu.Unlock()
	r.progress.Page(t)
}

// losePage names a page that cannot be read. What it holds is not known by name.
func (r *run) losePage(e entry.Entry) {
	err := entry.LostPage(e)
	r.mu.Lock()
	r.lost++
	r.left = err
	r.mu.Unlock()
	r.problem(err)
}
