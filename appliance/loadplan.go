package appliance

import (
	"context"
	"errors"
	"hash/maphash"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/fetch"
	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/manifest"
)

// prior gives a path's newest committed record that is wanted, or nil. Paths are asked
// for in order, each once.
type prior func(path string) (*manifest.Record, error)

// unit is a run of list items for one worker.
type unit struct {
	first uint64
	items []*scan.Item
	ahead *fetch.Run // of items; nil: nothing of them is read ahead
}

// A unit is many small files or one large one.
const (
	unitItems = 256
	unitBytes = 8 << 20
)

// loadPlan is what one look at the list finds.
type loadPlan struct {
	links, flips, reuse uint64
	paths               map[uint64]bool // hashes of the paths whose content may be known; nil: too many
	seed                maphash.Seed
}

// maxPaths bounds loadPlan.paths.
const maxPaths = 1 << 20

func (l *loader) plan(ctx context.Context, done *journal.Ranges) (*loadPlan, error) {
	p := &loadPlan{paths: map[uint64]bool{}, seed: maphash.MakeSeed()}
	err := l.items(ctx, func(n uint64, it *scan.Item) error {
		if it.Kind == manifest.KindHardlink {
			p.links++
		}
		if done.Has(n) {
			return nil
		}
		if it.Flags&scan.ItemFlip != 0 {
			p.flips++
		}
		if it.Flags&scan.ItemReuse == 0 || it.Kind != manifest.KindFile {
			return nil
		}
		p.reuse++
		if p.paths != nil {
			p.paths[maphash.String(p.seed, it.Path)] = true
		}
		if len(p.paths) > maxPaths {
			p.paths = nil
		}
		return nil
	})
	return p, err
}

// flips commits folders that take the place of something else before anything below
// them: until then that something is the path's entry.
func (l *loader) flips(ctx context.Context, done *journal.Ranges) error {
	w := newWorker(l)
	err := l.items(ctx, func(n uint64, it *scan.Item) error {
		if it.Flags&scan.ItemFlip == 0 || it.Kind != manifest.KindDir || done.Has(n) {
			return nil
		}
		w.flip(n, it)
		l.entries.Add(1)
		if w.Full() {
			return w.Flush()
		}
		return nil
	})
	if err == nil {
		err = w.Flush()
	}
	if cerr := w.close(); cerr != nil && (err == nil || errors.Is(err, ingest.ErrCloser)) {
		err = cerr
	}
	return err
}

// priors gives, in the order of the list, the newest content of paths that the plan
// wants.
func (l *loader) priors(ctx context.Context, plan *loadPlan) (prior, func(), error) {
	if plan.reuse == 0 {
		return func(string) (*manifest.Record, error) { return nil, nil }, func() {}, nil
	}
	chains, done, err := l.chains(ctx, func(r *manifest.Record) bool {
		return catalog.HasContent(r.Kind) && (plan.paths == nil || plan.paths[maphash.String(plan.seed, r.Path)])
	})
	if err != nil {
		return nil, nil, err
	}
	get, stop := newest(chains)
	return get, func() { stop(); done() }, nil
}

// units hands the list's items out, but for further names of hard links.
func (l *loader) units(ctx context.Context, done *journal.Ranges, prior prior, send func(unit) error) error {
	u := unit{}
	size := int64(0)
	flush := func() error {
		if len(u.items) == 0 {
			return nil
		}
		full := u
		u, size = unit{}, 0
		return send(full)
	}
	room := l.d.roomForFile()
	err := l.items(ctx, func(n uint64, it *scan.Item) error {
		if it.Kind == manifest.KindHardlink {
			return nil
		}
		if done.Has(n) {
			l.entries.Add(1)
			if it.Kind == manifest.KindFile {
				l.bytes.Add(it.Size)
			}
			return nil
		}
		if it.Kind == manifest.KindFile && it.Flags&scan.ItemReuse != 0 {
			var err error
			if it.Prior, err = prior(it.Path); err != nil {
				return err
			}
		}
		if it.Kind == manifest.KindFile && it.Prior == nil && it.Size > room && !l.d.state.inProgress(l.list.copies.ID, n) && l.src.Needs(it.Path) > room {
			l.noRoom(it)
			return flush()
		}
		if len(u.items) > 0 && (u.first+uint64(len(u.items)) != n || len(u.items) >= unitItems || size+it.Size > unitBytes) {
			if err := flush(); err != nil {
				return err
			}
		}
		if len(u.items) == 0 {
			u.first = n
		}
		u.items = append(u.items, it)
		size += it.Size
		return nil
	})
	if err == nil {
		err = flush()
	}
	return err
}
