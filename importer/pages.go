package importer

import (
	"context"
	"fmt"
	"sync"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// pageWork is one page of the manifest on its way: once every entry that begins
// in it has an outcome that stands, the journal says so in one line, and no later
// start opens the page again.
type pageWork struct {
	run  *run
	page uint64

	mu    sync.Mutex
	open  int  // entries without an outcome, and one while more may come
	again bool // something of it has to be done at a later start
	tally entry.Tally
}

func (r *run) newPage(page uint64) *pageWork {
	return &pageWork{run: r, page: page, open: 1, tally: entry.NewTally()}
}

// begin counts an entry of the page.
func (p *pageWork) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open++
}

// end takes an entry's outcome, once; ok is false if it has none that stands.
func (p *pageWork) end(ctx context.Context, e entry.Entry, rec record, ok bool) error {
	p.mu.Lock()
	if ok {
		p.tally.Add(e, rec.Outcome, rec.Proof, e.Record.DataLength())
	}
	return p.close(ctx, ok)
}

// done is called when no entry can come any more; ok is false if some may have
// been missed.
func (p *pageWork) done(ctx context.Context, ok bool) error {
	p.mu.Lock()
	return p.close(ctx, ok)
}

// close lets go of the lock. Nothing changes behind the last one to leave.
func (p *pageWork) close(ctx context.Context, ok bool) error {
	p.again = p.again || !ok
	p.open--
	last := p.open == 0 && !p.again
	p.mu.Unlock()
	if !last {
		return nil
	}
	return p.run.keepPage(ctx, p.page, p.tally)
}

// span is a run of pages from one to below another.
type span struct{ from, to uint64 }

// split cuts spans into n lists of about as many pages each.
func split(spans []span, n int) [][]span {
	total := uint64(0)
	for _, s := range spans {
		total += s.to - s.from
	}
	share := max(1, (total+uint64(n)-1)/uint64(n))
	lists, room := [][]span{nil}, share
	for _, s := range spans {
		for s.from < s.to {
			if room == 0 {
				lists, room = append(lists, nil), share
			}
			take := min(room, s.to-s.from)
			last := len(lists) - 1
			lists[last] = append(lists[last], span{s.from, s.from + take})
			s.from, room = s.from+take, room-take
		}
	}
	return lists
}

// todo lists the pages that are not done, in the order of the manifest, and
// counts those that are.
func (r *run) todo() (spans []span, err error) {
	done := r.journal.cursor('p', 0)
	next, pages := uint64(0), r.source.Pages()
	for {
		var t entry.Tally
		page, ok, err := done.next(&t)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if page >= pages {
			return nil, target.NewError(target.CodeStateMismatch, "", fmt.Sprintf("the journal knows page %d of a manifest of %d", page, pages), nil)
		}
		r.countPage(t)
		if page > next {
			spans = append(spans, span{next, page})
		}
		next = page + 1
	}
	if next < pages {
		spans = append(spans, span{next, pages})
	}
	return spans, nil
}
