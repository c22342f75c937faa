package scan

import (
	"context"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/appliance/words"
	"github.com/sledge-io/sledge/manifest"
)

// walk calls f for every entry below the root, in the manifest's order. Calls on the
// source run ahead of it. A folder's names are read whole before its entries are
// visited; of very many the names are spilled. No call is left when it returns.
func (s *Source) walk(f func(*Item) error) error { return s.walkUntil(context.Background(), f) }

func (s *Source) walkUntil(ctx context.Context, f func(*Item) error) error {
	a := newAhead(s)
	defer a.close()
	defer context.AfterFunc(ctx, a.stop)()
	root := a.begin(&folder{})
	if err := root.err; err != nil {
		return fmt.Errorf("source %s: %w", s.Root, err)
	}
	if err := a.walk(root, f); err != nil {
		return err
	}
	s.clock.scanned()
	return s.watch.ask()
}

// Entries are handed over in runs, so many of them ahead.
const (
	walkRun   = 256
	walkAhead = 4
)

// walkAhead walks while f works on what was met before. No call of either is left
// when it returns.
func (s *Source) walkAhead(ctx context.Context, f func(*Item) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	runs := make(chan []*Item, walkAhead)
	go func() {
		defer close(runs)
		if err := s.send(ctx, runs); err != nil {
			cancel(err)
		}
	}()
	for run := range runs {
		for _, it := range run {
			if ctx.Err() == nil {
				if err := f(it); err != nil {
					cancel(err)
				}
			}
		}
	}
	return context.Cause(ctx)
}

// send walks and hands over what it meets.
func (s *Source) send(ctx context.Context, runs chan<- []*Item) error {
	run := make([]*Item, 0, walkRun)
	flush := func() error {
		select {
		case runs <- run:
			run = make([]*Item, 0, walkRun)
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := s.walkUntil(ctx, func(it *Item) error {
		if run = append(run, it); len(run) < walkRun {
			return ctx.Err()
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	return err
}

// walk visits a folder that was listed.
func (a *ahead) walk(of *folder, f func(*Item) error) error {
	defer a.drop(of)
	for {
		r, err := a.next(of)
		if r == nil || err != nil {
			return err
		}
		if err := a.src.watch.lost(); err != nil {
			return err
		}
		for i := range r.items {
			if err := a.visit(r, i, f); err != nil {
				return err
			}
		}
		a.used(r)
	}
}

// visit calls f for an entry of a run, and for what is below it.
func (a *ahead) visit(r *run, i int, f func(*Item) error) error {
	it := r.items[i]
	if it.Kind != manifest.KindDir {
		a.drop(r.below[i])
		return f(it)
	}
	below := r.below[i]
	if below == nil {
		below = &folder{rel: r.of.rel + strings.TrimSuffix(r.keys[i], "/") + "/"}
	}
	a.begin(below)
	if below.err != nil { // one record says so, not a folder and a skipped entry of one path
		if gone := a.src.watch.failed(below.err); gone != nil {
			return gone
		}
		return f(&Item{Path: it.Path, Kind: manifest.KindSkipped, Reason: skipReason(below.err), Detail: "folder: " + words.Cause(below.err), Flags: ItemFolder})
	}
	a.enterFolder(it, below)
	if err := f(it); err != nil {
		a.drop(below)
		return err
	}
	return a.walk(below, f)
}
