package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/lease"
	"github.com/sledge-io/sledge/importer/target"
)

// fromMirror brings into the journal what other hosts have left in the target. was is
// the header that the journal has, zero if none; fresh that of a run that begins.
// Whatever is cut short here is done again at the next start: only with the lease's
// number in the header, which is synced, the journal knows that it has all.
func (r *run) fromMirror(ctx context.Context, was, fresh header) error {
	var h header
	switch err := r.mirror.get(ctx, mirrorHeader, maxMirrorSmall, &h); {
	case target.IsNotFound(err) && r.canceling:
		// A cancel before this one may have removed it: every object is looked at.
		h = fresh
		if was.Begun {
			h = was
		}
		h.Filled = true
		return r.journal.store(headerKey, h, false)
	case target.IsNotFound(err):
		return nil // no host has begun
	case err != nil:
		return err
	case was.Begun:
		h = was
	default:
		h.Secret, h.Log, h.Taken, h.Starts = fresh.Secret, fresh.Log, was.Taken, was.Starts
	}
	if err := errors.Join(r.loadUploads(ctx, was.Lease), r.loadPages(ctx)); err != nil {
		return err
	}
	h.Filled = true
	return errors.Join(r.journal.store(finishedKey, finished{}, false), r.journal.store(headerKey, h, false))
}

// mirrorUpload is an upload as the target has it. Every host writes under names of its
// own, so that what arrives late takes nothing from who has the run by then.
type mirrorUpload struct {
	pending
	Key   string `json:"key"`
	lease uint64
	at    entry.Place
	name  string
}

func uploadName(of uint64, at entry.Place) string {
	return fmt.Sprintf("%s%08d-%016x", mirrorUploads, of, uint64(at))
}

// parseUpload reads lease and place of a name.
func parseUpload(name string) (of uint64, at entry.Place, ok bool) {
	first, second, _ := strings.Cut(strings.TrimPrefix(name, mirrorUploads), "-")
	of, okFirst := lease.Number(first)
	n, okSecond := hexNumber(second)
	return of, entry.Place(n), okFirst && okSecond
}

// loadUploads makes uploads that are under way ours: here, in the target under our own
// names, and no more under others'.
func (r *run) loadUploads(ctx context.Context, known uint64) error {
	found, err := r.findUploads(ctx)
	if err != nil {
		return err
	}
	for at, all := range found {
		if own, ok, err := r.journal.upload(at); err != nil {
			return err
		} else if ok && len(all) == 1 && all[0].lease == r.mirror.number.Load() && all[0].pending == own {
			continue // ours, as we left it
		} else if ok {
			all = append(all, mirrorUpload{pending: own, Key: all[0].Key, lease: known, at: at})
		}
		if err := r.adopt(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) findUploads(ctx context.Context) (map[entry.Place][]mirrorUpload, error) {
	found, lock := map[entry.Place][]mirrorUpload{}, sync.Mutex{}
	return found, r.mirror.eachAtOnce(ctx, mirrorUploads, func(ctx context.Context, name string) error {
		of, at, ok := parseUpload(name)
		if !ok {
			return nil
		}
		u := mirrorUpload{lease: of, at: at, name: name}
		if err := r.mirror.get(ctx, name, maxMirrorSmall, &u); target.IsNotFound(err) {
			return nil // it ended meanwhile
		} else if err != nil {
			return err
		}
		lock.Lock()
		defer lock.Unlock()
		found[at] = append(found[at], u)
		return nil
	})
}

// adopt takes the newest of the uploads for one entry; others are given up. One that
// is known by its intent alone is looked for when the entry's turn comes. What a Complete of any
// of them may yet bring stays known.
func (r *run) adopt(ctx context.Context, all []mirrorUpload) error {
	slices.SortFunc(all, func(a, b mirrorUpload) int { return cmp.Compare(b.lease, a.lease) })
	mine := all[0]
	for _, u := range all[1:] {
		mine.Earlier = later(mine.Earlier, u.open())
	}
	if err := errors.Join(
		r.mirror.put(ctx, uploadName(r.mirror.number.Load(), mine.at), mine, false),
		r.journal.setUpload(mine.at, mine.pending)); err != nil {
		return err
	}
	given := map[string]bool{"": true, mine.UploadID: true}
	for _, u := range all {
		if !given[u.UploadID] {
			r.giveBack(ctx, u.Key, u.UploadID)
			given[u.UploadID] = true
		}
		if u.name != "" && u.lease != r.mirror.number.Load() {
			if err := r.mirror.remove(ctx, u.name); err != nil {
				return err
			}
		}
	}
	return nil
}

// mirrorPage is one page that is done.
type mirrorPage struct {
	Outcomes []mirrorOutcome `json:"outcomes"`
}

type mirrorOutcome struct {
	Place  entry.Place `json:"at"`
	Record record      `json:"record"`
}

func pageName(page uint64) string { return fmt.Sprintf("%s%016x", mirrorPages, page) }

// loadPages reads outcomes as hints, several pages at once: a device has 10^4 of them
// at 10^7 entries. One that cannot be read is as good as none.
func (r *run) loadPages(ctx context.Context) error {
	return r.mirror.eachAtOnce(ctx, mirrorPages, func(ctx context.Context, name string) error {
		page, ok := hexNumber(strings.TrimPrefix(name, mirrorPages))
		if !ok || page >= r.source.Pages() {
			return nil
		}
		var p mirrorPage
		err := r.mirror.get(ctx, name, maxMirrorPage, &p)
		if target.IsNotFound(err) || target.HasCode(err, target.CodeTargetJournal) {
			return nil
		}
		if err != nil {
			return err
		}
		return r.hints(page, p.Outcomes)
	})
}

func (r *run) hints(page uint64, outcomes []mirrorOutcome) error {
	past := r.journal.cursor('o', uint64(entry.PlaceOf(page, 0)))
	last := entry.Place(0)
	for _, o := range outcomes {
		if o.Place.Page() != page || o.Place < last {
			return nil
		}
		last = o.Place
		var known record
		if ok, err := past.load(o.Place, &known); err != nil {
			return err
		} else if ok {
			continue // what this folder knows itself
		}
		o.Record.Hint = true
		if err := r.journal.setOutcome(o.Place, o.Record); err != nil {
			return err
		}
	}
	return nil
}
