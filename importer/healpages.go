package importer

import (
	"context"
	"errors"
	"io/fs"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/manifest"
)

// A start of earlier versions could take a page of the manifest for done though the one entry
// that begins there had not come, since it goes on in a page that was lost. Every later start
// then missed that entry, and its receipts could not be written (journal-lost).

// heal looks for such pages where fewer entries have an outcome, or are held, than the manifest
// has, and has them done again. It reports whether there were any. Numbers that differ for
// another reason are the result's to tell.
func (r *run) heal(ctx context.Context, met uint64) (healed bool, err error) {
	totals, err := r.source.Totals()
	if err != nil || met >= totals.Entries() {
		return false, nil // an error is the receipts' to tell
	}
	pages, err := r.wronglyDone(ctx)
	if err != nil {
		return false, err
	}
	for _, page := range pages {
		r.opts.Log.Log(ctx, request.LevelNotice, "a page of the manifest was taken for done by an earlier start, and an entry of it is not: it is done again", "page", page)
		if err := r.journal.forgetPage(page); err != nil {
			return false, err
		}
	}
	return len(pages) > 0, nil
}

// wronglyDone are the pages that are taken for done with fewer entries than begin there.
func (r *run) wronglyDone(ctx context.Context) (pages []uint64, err error) {
	done := r.journal.cursor('p', 0)
	compare := func(page, records uint64) error {
		var was entry.Tally
		ok, err := done.load(entry.Place(page), &was)
		if err == nil && ok && was.Manifest.Records < records {
			pages = append(pages, page)
		}
		return err
	}
	page, count := uint64(0), manifest.Totals{}
	err = r.source.Entries(ctx, 0, func(e entry.Entry) error {
		switch {
		case ctx.Err() != nil:
			return request.ErrStopped
		case e.Lost != nil:
			return entry.LostPage(e)
		case e.Page != page:
			if err := compare(page, count.Records); err != nil {
				return err
			}
			page, count = e.Page, manifest.Totals{}
		}
		count.Count(e.Record, len(e.Raw))
		return nil
	})
	if err != nil {
		return nil, err
	}
	return pages, compare(page, count.Records)
}

// forgetPage has a page done again. What has an outcome keeps it.
func (j *journal) forgetPage(page uint64) error {
	return j.delete(journalKey('p', page), true)
}

// healPass is heal at the end of a pass. The next one counts everything anew.
func (r *run) healPass(ctx context.Context) (healed bool, err error) {
	r.mu.Lock()
	met := r.tally.Entries() + r.held
	r.mu.Unlock()
	if healed, err = r.heal(ctx, met); err != nil || !healed {
		return false, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tally, r.passes = entry.NewTally(), 0
	r.progress.Again()
	return true, nil
}

// healEnd takes back the end of a run that could not write its receipts for such a page, or for one
// whose outcomes the journal has lost. Once a checkpoint of them was signed they were whole.
func (r *run) healEnd(ctx context.Context, end *finished) error {
	if _, err := r.opts.StateDir.Stat(r.receiptFolder() + "/log/checkpoint"); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var any bool
	forgotten, err := r.journal.load(forgottenKey, &any)
	if err != nil {
		return err
	}
	healed, err := r.heal(ctx, end.Tally.Entries())
	if err != nil || !healed && !forgotten {
		return err
	}
	*end, r.ended = finished{}, finished{}
	return errors.Join(r.journal.store(finishedKey, end, true), r.journal.delete(forgottenKey, true))
}
