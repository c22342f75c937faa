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
func (m MaxDelete) allows(r *scan.Report, resumed bool) error {
	limit := m.Entries
	if m.Percent {
		limit = r.Loaded / 100 * m.Entries
		limit += r.Loaded % 100 * m.Entries / 100
	}
	if !m.On || r.Removable <= limit {
		return nil
	}
	what := "nothing was loaded or withdrawn"
	if resumed {
		what = "what the load had begun with is loaded, nothing that is new since, and nothing was withdrawn"
	}
	return fmt.Errorf("%w: %s of %d, at most %d; %s", ErrTooManyGone, words.Count(r.Removable, "entry", "entries"), r.Loaded, limit, what)
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
// an entry which stays needs: a folder above it, or the name that carries its content. What is
// there again, or lay on another file system, stays. Nothing is withdrawn if something could
// not be read, or if the source changed meanwhile: what seems gone may have gone there.
// Repeated after an interruption it withdraws the rest.
func (d *Device) withdraw(ctx context.Context, src *scan.Source, o *LoadOptions, report *LoadReport) error {
	if report.gone == nil {
		return nil
	}
	why, err := d.mayNotWithdraw(ctx, src, o, report)
	if report.NotWithdrawn = why; err != nil || why != "" {
		return err
	}
	mounts, err := d.mounts(src)
	if err != nil {
		return err
	}
	if err := o.Begin(); err != nil {
		return err
	}
	w := &withdrawing{d: d, dirs: src.Dirs(), mounts: mounts, report: report}
	defer w.dirs.Close()
	err = w.all(ctx, report.gone)
	if err == nil {
		err = src.Lost()
	}
	if err == nil {
		err = w.flush()
	}
	if report.Withdrawn == 0 {
		return err
	}
	return errors.Join(err, d.event("note", fmt.Sprintf("withdrawn: %s that are not in the source any more", words.Count(report.Withdrawn, "entry", "entries")), -1))
}

// mayNotWithdraw says why nothing may be withdrawn; "" where nothing speaks against it.
func (d *Device) mayNotWithdraw(ctx context.Context, src *scan.Source, o *LoadOptions, report *LoadReport) (string, error) {
	if n := report.unread(); n > 0 {
		return words.Count(n, "entry", "entries") + " could not be read, and what is gone may be there", nil
	}
	so := o.scanOptions()
	so.Empty, so.Found, so.Continued = true, nil, report.continued
	_, entries, _, err := d.compare(ctx, src, so)
	if err != nil || entries == 0 {
		return "", err
	}
	return "the source was changed while it was loaded, and what is gone may have moved; load once more when it stands still", nil
}

// unread counts what could not be read; a pipe or a socket has nothing to read.
func (r *LoadReport) unread() uint64 {
	n := r.SkippedCount
	for _, s := range r.Skipped {
		if s.Reason == "special" {
			n--
		}
	}
	return n + r.Lost
}

// mounts are the folders of other file systems that any load of the source has met. One that
// is not mounted any more looks like a folder from which everything is gone.
func (d *Device) mounts(src *scan.Source) (map[string]bool, error) {
	lists, err := d.findLists()
	if err != nil {
		return nil, err
	}
	mounts := map[string]bool{}
	for _, l := range lists {
		switch {
		case l.broken != nil:
			return nil, fmt.Errorf("nothing was withdrawn: a list of an earlier load cannot be read, and with it what lay on other file systems: %w", l.broken)
		case l.head.Prefix() != src.Head().Prefix():
			continue
		case len(l.tail.Mounts) >= scan.MaxMounts:
			return nil, fmt.Errorf("nothing was withdrawn: the source has more than %d folders of other file systems", scan.MaxMounts)
		}
		for _, path := range l.tail.Mounts {
			mounts[string(path)] = true
		}
	}
	return mounts, nil
}

// withdrawing is the work of one withdraw.
type withdrawing struct {
	d      *Device
	dirs   *scan.Dirs
	mounts map[string]bool
	report *LoadReport
	batch  []journal.Taken
}

// all puts what may go into batches; the last one is left to be flushed.
func (w *withdrawing) all(ctx context.Context, g *goneEntries) error {
	needed, done, err := w.d.newSorter(sortMemory / 4)
	if err != nil {
		return err
	}
	defer done()
	if err := w.d.needed(ctx, g.first, needed); err != nil {
		return err
	}
	next, stop := extsort.Pull(needed)
	defer stop()
	need := next()
	return g.second.Each(func(key, _ []byte) error {
		for need.OK && need.Key < string(key) {
			need = next()
		}
		path := strings.TrimSuffix(string(key), "/")
		switch {
		case need.Err != nil:
			return need.Err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case need.OK && need.Key == string(key), w.mounted(path), !w.dirs.Absent(path):
			w.report.WithdrawHeld++
			return nil
		}
		if w.batch = append(w.batch, journal.Taken{Withdrawn: path}); len(w.batch) == withdrawAtOnce {
			return w.flush()
		}
		return nil
	})
}

// mounted reports whether a path is, or lies in, a folder of another file system.
func (w *withdrawing) mounted(path string) bool {
	for ; path != ""; path = path[:max(0, strings.LastIndexByte(path, '/'))] {
		if w.mounts[path] {
			return true
		}
	}
	return false
}

func (w *withdrawing) flush() error {
	if len(w.batch) == 0 {
		return nil
	}
	err := w.d.commitTaken(&journal.Message{List: journal.Doors, Taken: w.batch})
	if err == nil {
		w.report.Withdrawn += uint64(len(w.batch))
	}
	w.batch = nil
	return err
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
			if err := errors.Join(to.Add([]byte(link), nil), addAbove(to, link)); err != nil {
				return err
			}
		}
		path := strings.TrimSuffix(e.Key, "/")
		above := path[:max(0, strings.LastIndexByte(path, '/'))]
		if above == last {
			return nil
		}
		last = above
		return addAbove(to, path)
	}})
}

// addAbove adds the folders above a path.
func addAbove(to *extsort.Sorter, path string) error {
	for {
		path = path[:max(0, strings.LastIndexByte(path, '/'))]
		if path == "" {
			return nil
		}
		if err := to.Add([]byte(path+"/"), nil); err != nil {
			return err
		}
	}
}

// goneTo takes the keys of entries that may be withdrawn; nil if nothing is.
func (r *LoadReport) goneTo() func(key string) error {
	if r.gone == nil {
		return nil
	}
	return r.gone.add
}
