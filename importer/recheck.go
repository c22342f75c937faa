package importer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mathrand "math/rand/v2"
	"sync"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/sample"
)

// recheckSize is how many objects of earlier starts a start looks at. If one of a
// hundred is gone, that many miss it with a probability of 0.99^459 < 0.01.
const recheckSize = 459

// recheckNamed is how many of those that are gone are warned of by name; the log has all.
const recheckNamed = 10

// recheckAtOnce is how many of them are asked for at once.
const recheckAtOnce = 16

// recheck asks the target for objects that the journal holds for stored, a random
// sample, or every one where the run's marker is not there. One that is gone or is
// another is CodeTargetChanged: this may be another bucket, and no outcome of an
// earlier start can be believed. So is a marker that is gone where nothing is held: a
// start that was killed may have sent what no journal knows. free looks while the run
// is halted.
func (r *run) recheck(ctx context.Context, free bool) error {
	if !r.header.Begun {
		return nil
	}
	marker, err := r.marked(ctx, free)
	if err != nil {
		return err
	}
	drawn, population, err := r.drawHeld(recheckSize)
	if err == nil && marker.missing && population == 0 && !free { // it may be shown late
		marker, err = r.markedByNow(ctx)
	}
	if err != nil {
		return err
	}
	absent := !marker.there && marker.hidden == nil
	c := &rechecker{run: r, free: free, reads: r.readsOwn(marker.there), lag: r.calls.NewWait()}
	switch {
	case absent:
		err = c.all(ctx, c.whole)
	case population > 0:
		err = c.all(ctx, func(ctx context.Context, f func(entry.Entry) error) error { return c.pages(ctx, drawn, f) })
	}
	if err == nil {
		err = c.blind()
	}
	if err != nil {
		return err
	}
	if c.gone > 0 {
		return target.NewError(target.CodeTargetChanged, "", fmt.Sprintf("of %s that earlier starts have stored, %s looked at, and %s not there or not the same",
			objects(population), were(c.looked), were(c.gone)), nil)
	}
	if marker.missing && population == 0 {
		return target.NewError(target.CodeTargetChanged, "", "what the first start has left in the target to know it by is not there", nil)
	}
	if absent {
		err = r.mark(ctx, free)
	}
	if err != nil || population == 0 {
		return err
	}
	done := receipt.Recheck{Population: population, Size: c.looked, Confidence: sample.Confidence, AtMost: sample.AtMost(population, c.looked+c.unseen.n, c.unseen.n, 1-sample.Confidence), At: r.opts.Now().UTC()}
	r.mu.Lock()
	r.rechecked = &done
	r.mu.Unlock()
	r.opts.Log.Info("earlier starts' objects", "looked", done.String())
	return nil
}

// recheckRenewed does so while the run is halted: with new credentials the same name
// may be of another bucket.
func (r *run) recheckRenewed(ctx context.Context) error {
	r.rechecks.Lock()
	defer r.rechecks.Unlock()
	return r.recheck(ctx, true)
}

func objects(n uint64) string {
	if n == 1 {
		return "1 object"
	}
	return sample.Grouped(n) + " objects"
}

func were(n uint64) string {
	if n == 1 {
		return "1 was"
	}
	return sample.Grouped(n) + " were"
}

// held tells an outcome of which an object in the target is believed.
func (r record) held() bool {
	return !r.Hint && (r.Outcome == entry.OutcomeStored || r.Outcome == entry.OutcomeAlreadyThere)
}

// drawHeld draws a random sample of the places whose objects the journal holds for
// stored, in the order of the manifest, and counts all of them. Each set of that size
// is as likely as any other.
func (r *run) drawHeld(size uint64) (drawn []entry.Place, population uint64, err error) {
	err = r.heldPages(func(_, objects uint64) error { population += objects; return nil })
	if err != nil || population == 0 {
		return nil, 0, err
	}
	random, err := r.random()
	if err != nil {
		return nil, 0, err
	}
	wanted := sample.Draw(random, population, min(size, population))
	before := uint64(0)
	err = r.heldPages(func(page, objects uint64) error {
		n := 0
		for n < len(wanted) && wanted[n] < before+objects {
			n++
		}
		places, err := r.heldOf(page, before, wanted[:n])
		drawn, wanted, before = append(drawn, places...), wanted[n:], before+objects
		return err
	})
	return drawn, population, err
}

// random is a generator of its own, seeded by the run's source of randomness.
func (r *run) random() (*mathrand.Rand, error) {
	source := r.opts.Rand
	if source == nil {
		source = rand.Reader
	}
	var seed [32]byte
	if _, err := io.ReadFull(source, seed[:]); err != nil {
		return nil, err
	}
	return mathrand.New(mathrand.NewChaCha8(seed)), nil
}

// heldPages calls f for each page with objects that are held for stored, ascending, and
// their number: by the page's sums if it is done, else by its outcomes.
func (r *run) heldPages(f func(page, objects uint64) error) (err error) {
	done := r.journal.cursor('p', 0)
	for next := uint64(0); ; {
		var t entry.Tally
		page, ok, err := done.next(&t)
		if err != nil {
			return err
		}
		if !ok {
			return r.heldBetween(next, r.source.Pages(), f)
		}
		if err := r.heldBetween(next, page, f); err != nil {
			return err
		}
		if n := t.Outcomes[entry.OutcomeStored] + t.Outcomes[entry.OutcomeAlreadyThere]; n > 0 {
			if err := f(page, n); err != nil {
				return err
			}
		}
		next = page + 1
	}
}

// heldBetween does so for pages that are not done.
func (r *run) heldBetween(from, to uint64, f func(page, objects uint64) error) (err error) {
	if from >= to {
		return nil
	}
	rows := r.journal.cursor('o', uint64(entry.PlaceOf(from, 0)))
	page, n := from, uint64(0)
	end := func() error {
		if n == 0 {
			return nil
		}
		return f(page, n)
	}
	for {
		var rec record
		at, ok, err := rows.next(&rec)
		if err != nil {
			return err
		}
		if !ok || entry.Place(at).Page() >= to {
			return end()
		}
		if p := entry.Place(at).Page(); p != page {
			if err := end(); err != nil {
				return err
			}
			page, n = p, 0
		}
		if rec.held() {
			n++
		}
	}
}

// heldOf finds the places of a page's held objects by their numbers; the page's first
// one has the number before.
func (r *run) heldOf(page, before uint64, wanted []uint64) (places []entry.Place, err error) {
	if len(wanted) == 0 {
		return nil, nil
	}
	rows := r.journal.cursor('o', uint64(entry.PlaceOf(page, 0)))
	for number := before; len(wanted) > 0; {
		var rec record
		at, ok, err := rows.next(&rec)
		if err != nil || !ok || entry.Place(at).Page() != page {
			return places, err
		}
		if !rec.held() {
			continue
		}
		if number == wanted[0] {
			places, wanted = append(places, entry.Place(at)), wanted[1:]
		}
		number++
	}
	return places, nil
}

// rechecker looks at one sample.
type rechecker struct {
	run   *run
	free  bool
	reads bool // the target has shown something else of this run
	lag   *request.Wait

	mu           sync.Mutex
	looked, gone uint64
	unseen       unseen
}

// heldObject is one object of a sample.
type heldObject struct {
	action *plan.Action
	rec    record
}

// all asks for the objects of the entries that walk gives, several at once.
func (c *rechecker) all(ctx context.Context, walk func(context.Context, func(entry.Entry) error) error) error {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	work := make(chan heldObject)
	ends := make([]error, recheckAtOnce)
	var workers sync.WaitGroup
	for i := range ends {
		workers.Go(func() {
			for o := range work {
				if err := c.one(ctx, o); err != nil && ends[i] == nil {
					ends[i] = err
					quit()
				}
			}
		})
	}
	err := c.give(ctx, walk, work)
	close(work)
	workers.Wait()
	return request.First(append(ends, err))
}

// give hands the entries' objects to the workers, with what the journal knows of them.
func (c *rechecker) give(ctx context.Context, walk func(context.Context, func(entry.Entry) error) error, work chan<- heldObject) (err error) {
	rows := c.run.journal.cursor('o', 0)
	return walk(ctx, func(e entry.Entry) error {
		var o heldObject
		ok, err := rows.load(e.Place(), &o.rec)
		if err != nil || !ok || !o.rec.held() {
			return err
		}
		o.action, err = c.run.planner.Plan(e)
		if err != nil || o.action.Kind == plan.ActionNone {
			return target.NewError(target.CodeJournalLost, "", fmt.Sprintf("%v is stored, and the plan has no object for it", e.Place()), err)
		}
		select {
		case work <- o:
			return nil
		case <-ctx.Done():
			return request.ErrStopped
		}
	})
}

// whole walks all entries that can be read.
func (c *rechecker) whole(ctx context.Context, f func(entry.Entry) error) error {
	return c.run.source.Entries(ctx, 0, func(e entry.Entry) error {
		switch {
		case ctx.Err() != nil:
			return request.ErrStopped
		case e.Lost != nil || len(e.Raw) == 0:
			return nil
		}
		return f(e)
	})
}

// pages walks the sample's entries, reading only their pages. Those on pages that are
// lost cannot be asked for, and are not counted.
func (c *rechecker) pages(ctx context.Context, sample []entry.Place, f func(entry.Entry) error) error {
	for len(sample) > 0 {
		page := sample[0].Page()
		err := c.run.source.Entries(ctx, page, func(e entry.Entry) error {
			switch {
			case ctx.Err() != nil:
				return request.ErrStopped
			case e.Page > page || len(sample) == 0:
				return errSpanEnd
			case e.Lost != nil || len(e.Raw) == 0 || e.Place() != sample[0]:
				return nil
			}
			sample = sample[1:]
			return f(e)
		})
		if err != nil && !errors.Is(err, errSpanEnd) {
			return err
		}
		for len(sample) > 0 && sample[0].Page() == page {
			sample = sample[1:]
		}
	}
	return nil
}

func (c *rechecker) one(ctx context.Context, o heldObject) error {
	obj, err := c.seen(ctx, o)
	text := "it is not there"
	switch {
	case ctx.Err() != nil:
		return request.ErrStopped
	case err == nil && o.is(obj):
		text = ""
	case err == nil:
		text = "it is another one"
	case !target.IsNotFound(err):
		return c.miss(ctx, o.action.Key, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.looked++
	c.unseen.answered(o.action.Key)
	if text != "" {
		level := slog.LevelInfo
		if c.gone++; c.gone <= recheckNamed {
			level = slog.LevelWarn
		}
		c.run.opts.Log.Log(ctx, level, "an object that an earlier start has stored: "+text, "key", o.action.Key)
	}
	return nil
}

// seen is head, asked again for a while where the object was stored moments ago.
func (c *rechecker) seen(ctx context.Context, o heldObject) (obj target.Object, err error) {
	err = c.lag.Since(ctx, o.rec.Verified, target.IsNotFound, func() (err error) {
		obj, err = c.head(ctx, o.action.Key)
		return err
	})
	return obj, err
}

// head does not wait for the end of a halt if the look is free.
func (c *rechecker) head(ctx context.Context, key string) (target.Object, error) {
	return c.run.headSurely(ctx, key, c.free)
}

// is reports whether HEAD shows the object that the outcome is of. Where it tells no
// checksum that can be compared, the ETag must be the one of then.
func (o heldObject) is(obj target.Object) bool {
	ours, x := o.rec.Outcome == entry.OutcomeStored, o.action.Expected()
	if o.rec.Parts != nil {
		own, err := x.Recut(o.rec.Parts.Checksum)
		if err != nil {
			return false
		}
		x = *own
	}
	verdict, _ := x.Compare(obj, ours)
	if verdict == content.Incomparable {
		return o.rec.ETag == "" || obj.ETag == "" || o.rec.ETag == obj.ETag
	}
	return verdict == content.Same
}
