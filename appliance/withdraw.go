package appliance

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/known"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/appliance/words"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/manifest"
)

// ErrTooManyGone: more of a source is gone than may be withdrawn at once.
var ErrTooManyGone = errors.New("more is gone from the source than may be withdrawn")

// MaxDelete bounds what one load withdraws: so many entries, or so many of a hundred that the
// device has of the source. The zero value withdraws nothing.
type MaxDelete struct {
	On      bool
	Entries uint64
	Percent bool // Entries is of a hundred
}

// allows is [ErrTooManyGone] of a scan that found too many gone.
func (m MaxDelete) allows(r *scan.Report) error {
	limit := m.Entries
	if m.Percent {
		limit = r.Loaded / 100 * m.Entries
		limit += r.Loaded % 100 * m.Entries / 100
	}
	if !m.On || r.Removable <= limit {
		return nil
	}
	return fmt.Errorf("%w: %s of %d, at most %d; nothing was loaded or withdrawn for it", ErrTooManyGone, words.Count(r.Removable, "entry", "entries"), r.Loaded, limit)
}

// goneEntries are those that a scan has found gone, by the catalog's keys, twice: a sorter
// is read once.
type goneEntries struct{ first, second *extsort.Sorter }

func (d *Device) newGone() (*goneEntries, func(), error) {
	a, doneA, err := d.newSorter(sortMemory / 4)
	if err != nil {
		return nil, nil, err
	}
	b, doneB, err := d.newSorter(sortMemory / 4)
	if err != nil {
		doneA()
		return nil, nil, err
	}
	return &goneEntries{a, b}, func() { doneA(); doneB() }, nil
}

func (g *goneEntries) add(key string) error {
	return errors.Join(g.first.Add([]byte(key), nil), g.second.Add([]byte(key), nil))
}

// withdraw has the paths leave the manifest that the last scan has found gone, but those that
// an entry which stays needs: a folder above it, or the name that carries its content.
// Repeated after an interruption it withdraws the rest.
func (d *Device) withdraw(ctx context.Context, report *LoadReport) error {
	g := report.gone
	if g == nil || report.Scan.Removable == 0 {
		return nil
	}
	needed, done, err := d.newSorter(sortMemory / 4)
	if err != nil {
		return err
	}
	defer done()
	if err := d.needed(ctx, g.first, needed); err != nil {
		return err
	}
	next, stop := extsort.Pull(needed)
	defer stop()
	need := next()
	var batch []journal.Taken
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		err := d.commitTaken(&journal.Message{List: journal.Doors, Taken: batch})
		if err == nil {
			report.Withdrawn += uint64(len(batch))
		}
		batch = nil
		return err
	}
	err = g.second.Each(func(key, _ []byte) error {
		for need.OK && need.Key < string(key) {
			need = next()
		}
		switch {
		case need.Err != nil:
			return need.Err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case need.OK && need.Key == string(key):
			report.WithdrawHeld++
			return nil
		}
		if batch = append(batch, journal.Taken{Withdrawn: strings.TrimSuffix(string(key), "/")}); len(batch) == withdrawAtOnce {
			return flush()
		}
		return nil
	})
	if err = errors.Join(err, flush()); err != nil || report.Withdrawn == 0 {
		return err
	}
	return d.event("note", fmt.Sprintf("withdrawn: %s that are not in the source any more", words.Count(report.Withdrawn, "entry", "entries")), -1)
}

// withdrawAtOnce is how many withdrawals one frame holds.
const withdrawAtOnce = 1024

// needed gathers the keys that entries which are not gone need.
func (d *Device) needed(ctx context.Context, gone, to *extsort.Sorter) error {
	lists, err := d.findLists()
	if err != nil {
		return err
	}
	looks, done, err := d.looks(ctx, lists, func(b []byte, _ manifest.ID, r *manifest.Record, lost bool) []byte {
		return known.Value(b, scan.RelSame, "", r, lost, false)
	})
	if err != nil {
		return err
	}
	defer done()
	next, stop := extsort.Pull(gone)
	defer stop()
	at, last := next(), ""
	return catalog.Resolve(looks, catalog.Visit{Entry: func(e *catalog.Entry) error {
		for at.OK && at.Key < e.Key {
			at = next()
		}
		if at.Err != nil || at.OK && at.Key == e.Key {
			return at.Err
		}
		if link := known.Decode(e).LinkTo; link != "" {
			if err := to.Add([]byte(link), nil); err != nil {
				return err
			}
		}
		path := strings.TrimSuffix(e.Key, "/")
		above := path[:max(0, strings.LastIndexByte(path, '/'))]
		if above == last {
			return nil
		}
		for last = above; above != ""; above = above[:max(0, strings.LastIndexByte(above, '/'))] {
			if err := to.Add([]byte(above+"/"), nil); err != nil {
				return err
			}
		}
		return nil
	}})
}

// goneTo takes the keys of entries that may be withdrawn; nil if nothing is.
func (r *LoadReport) goneTo() func(key string) error {
	if r.gone == nil {
		return nil
	}
	return r.gone.add
}
