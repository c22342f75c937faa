package read

import (
	"context"
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/manifest"
)

// place is where a raw record stands.
type place struct {
	indexPack manifest.ID
	page      uint64
	index     int
	bytes     []byte
}

// entry adds the salts, which most readers do not need.
func (r *Reader) entry(rec *manifest.Record, raw []place) Entry {
	e := Entry{Record: rec, Raw: make([]Raw, len(raw))}
	for i, p := range raw {
		e.Raw[i] = Raw{Page: p.page, Index: p.index, Bytes: p.bytes, Salt: r.keys.Salt(p.indexPack, p.page, p.index)}
	}
	return e
}

// walk gives every entry from a page on. A page is held against the others, its index
// pack's first path and its directory page before an entry of it is used.
type walk struct {
	r    *Reader
	page uint64
	line *manifest.DirEntry                    // what sent the walk to its first page; nil: nothing
	lost func(page uint64, err error) error    // nil, or what it returns is not: a lost page ends the walk
	f    func(*manifest.Record, []place) error // must not keep the places

	joiner  manifest.Joiner
	raw     []place
	started bool // behind the continuations that a first page may begin with
	lostAny bool
	met     manifest.Totals
	seq     sequence
}

func (w *walk) run(ctx context.Context) error {
	w.started = w.page == 0
	for ; w.page < w.r.End.Pages; w.page++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := w.one(); err != nil {
			return err
		}
	}
	if w.joiner.Pending() {
		return fmt.Errorf("%w: the manifest ends inside an entry", manifest.ErrCorrupt)
	}
	return nil
}

// one takes one page.
func (w *walk) one() error {
	e, err := w.r.Page(w.page)
	if err != nil {
		return err
	}
	p, err := w.r.OpenPage(w.page)
	if errors.Is(err, disk.ErrLost) && e.Directory {
		clear(w.seq.seen) // it says nothing that its pages do not say
		return nil
	}
	if err != nil && w.lost != nil && errors.Is(err, disk.ErrLost) {
		w.joiner, w.raw, w.started, w.lostAny, w.line = manifest.Joiner{}, nil, false, true, nil
		return w.lost(w.page, err)
	}
	if err != nil {
		return err
	}
	index, err := w.r.IndexPack(e.IndexPack)
	if err != nil {
		return err
	}
	if e.Directory {
		return w.seq.directory(index, p)
	}
	line, err := w.seq.page(p)
	if err == nil && w.line != nil && line != *w.line {
		err = refusedPage(p.Number, "the directory of its index pack says that it begins otherwise")
	}
	if err == nil && index.FirstPage == p.Number {
		err = w.r.checkFirst(index, line)
	}
	if err != nil {
		return err
	}
	w.line = nil
	return w.records(p)
}

// records gives the entries of a page whose place in the manifest is right.
func (w *walk) records(p *manifest.Page) error {
	for i, b := range p.Records {
		if !w.started {
			_, _, cont, err := manifest.PeekRecord(b)
			if err != nil {
				return err
			}
			if cont > 0 {
				continue
			}
			w.started = true
		}
		w.raw = append(w.raw, place{indexPack: p.IndexPack, page: p.Number, index: i, bytes: b})
		rec, err := w.joiner.Add(b)
		if err != nil {
			return fmt.Errorf("page %d: record %d: %w", p.Number, i, err)
		}
		if rec == nil {
			continue
		}
		w.met.Count(rec, len(w.raw))
		if err := w.f(rec, w.raw); err != nil {
			return err
		}
		w.raw = w.raw[:0]
	}
	return nil
}

// checkTotals compares what a walk over the whole manifest has met with what is signed.
func (w *walk) checkTotals() error {
	if w.lostAny {
		return nil
	}
	met, want := w.met, w.r.totals
	for _, n := range []struct {
		what      string
		met, want uint64
	}{
		{"files", met.Files, want.Files}, {"directories", met.Dirs, want.Dirs}, {"symlinks", met.Symlinks, want.Symlinks},
		{"hard links", met.Hardlinks, want.Hardlinks}, {"skipped", met.Skipped, want.Skipped},
		{"records", met.Records, want.Records}, {"bytes", met.Bytes, want.Bytes},
	} {
		if n.met != n.want {
			return fmt.Errorf("%w: %s: the manifest's totals say %d, its records %d", ErrRefused, n.what, n.want, n.met)
		}
	}
	return nil
}

// checkPages holds the totals against the number of pages, before any is read.
func (r *Reader) checkPages() error {
	most := (r.End.Pages - r.End.IndexPacks) * manifest.MaxPageRecords
	if r.totals.Records > most || r.totals.Records == 0 && most > 0 {
		return fmt.Errorf("%w: the manifest's totals say %d records, its log %d pages", ErrRefused, r.totals.Records, r.End.Pages)
	}
	return nil
}
