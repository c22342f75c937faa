package seal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/manifest"
)

// indexWriter sorts all committed records by path and writes them as encrypted
// pages into index packs, each with its directory page. Memory does not grow
// with the number of records: sorting spills, and page entries wait in a spool
// for the log. One goroutine fills a page while another writes the one before.
type indexWriter struct {
	d                 *sealing
	ctx               context.Context // ends the passes over records and log
	pageRecords       int             // at most
	indexPages        int             // of one index pack at most
	totals            manifest.Totals
	dropped, remarked uint64
	givenUp           uint64 // entries of loads that were given up
	sourceBytes       int64
	page              *recordPage // being filled
	full              chan *recordPage
	free              chan *recordPage

	// The writing goroutine's.
	dir   manifest.PageBuilder
	pages uint64
	packs []*manifest.Pack
	used  []bool // by pack number: an entry has content there

	standIns     []*manifest.Pack
	standInBytes int64 // of their bodies, less those of the packs that they stand for

	spool   *extsort.Sorter // log entries of packs and pages, in the log's order
	current *indexPack
}

// recordPage is a page of records and what its directory line says of the first.
type recordPage struct {
	manifest.PageBuilder
	first manifest.DirEntry
}

// indexPack is an index pack being written.
type indexPack struct {
	sw        *pack.Writer
	number    uint64
	firstPage uint64
	firstKey  string
	size      int64
}

// write makes the whole index.
func (w *indexWriter) write() error {
	fsys, err := w.d.open.Scratch()
	if err != nil {
		return err
	}
	sorter := extsort.New(extsort.Config{FS: fsys, Dir: disk.TempDir, Memory: 2 * sorterMemory})
	defer sorter.Close()
	w.spool = extsort.New(extsort.Config{FS: fsys, Dir: disk.TempDir, Memory: sorterMemory})
	if err := w.gather(sorter); err != nil {
		return err
	}
	if err := w.sorted(sorter); err != nil {
		w.abort()
		return err
	}
	return nil
}

// gather reads the journal once: records go to the sorter, packs' entries to the
// spool.
func (w *indexWriter) gather(sorter *extsort.Sorter) error {
	a := &catalog.Adder{To: sorter, Once: w.d.open.Committed().Lists < 2}
	err := w.d.open.EachFrame(func(fr frames.Frame) error {
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		p, err := journal.PublicPack(fr.Clear)
		if err != nil {
			return err
		}
		if p != nil {
			entry, _, err := journal.Split(fr.Clear)
			if err == nil {
				err = w.spool.Add(spoolKey(spoolPack, p.Number), entry)
			}
			if err != nil {
				return err
			}
		}
		m, err := journal.Decode(fr.Plain)
		if err != nil {
			return err
		}
		for _, b := range m.Records {
			if err := addRecord(a, b); err != nil {
				return err
			}
		}
		for _, t := range m.Taken { // entries among them are in packs by now
			if t.Withdrawn == "" {
				continue
			}
			if err := a.Withdraw(t.Withdrawn); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return w.d.open.Imply(a)
}

func addRecord(a *catalog.Adder, b []byte) error {
	kind, path, cont, err := manifest.PeekRecord(b)
	if err != nil {
		return err
	}
	look := catalog.Look{Kind: kind, Path: path, Number: cont}
	if kind == manifest.KindSkipped {
		r, err := manifest.PeekHead(b)
		if err != nil {
			return err
		}
		look = catalog.LookOf(r)
	}
	return a.Add(look, b)
}

// What the spool holds, in this order.
const (
	spoolPack byte = iota // as the journal has it
	spoolPage
)

func spoolKey(kind byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, number)
}

// sorted writes what the sorter holds.
func (w *indexWriter) sorted(sorter *extsort.Sorter) error {
	w.page, w.full, w.free = &recordPage{}, make(chan *recordPage), make(chan *recordPage, 2)
	w.free <- &recordPage{}
	done := make(chan error, 1)
	go func() { done <- w.writePages() }()
	err := w.latest(sorter)
	if err == nil {
		err = w.handOver()
	}
	close(w.full)
	if werr := <-done; werr != nil {
		return werr
	}
	if err != nil {
		return err
	}
	return w.endPack()
}

// writePages writes full pages; after an error it takes no more.
func (w *indexWriter) writePages() error {
	for p := range w.full {
		if err := w.endPage(p); err != nil {
			close(w.free)
			for range w.full {
			}
			return err
		}
		w.free <- p
	}
	return nil
}

// handOver gives the page being filled to the writer.
func (w *indexWriter) handOver() error {
	if w.page.Len() == 0 {
		return nil
	}
	w.full <- w.page
	var ok bool
	if w.page, ok = <-w.free; !ok {
		return errWriter
	}
	return nil
}

// latest takes the entries that the catalog gives and their continuations.
func (w *indexWriter) latest(sorter *extsort.Sorter) error {
	var joiner manifest.Joiner
	count := 0
	return catalog.Resolve(sorter, catalog.Visit{
		Entry: func(e *catalog.Entry) error {
			if w.ctx.Err() != nil {
				return context.Cause(w.ctx)
			}
			joiner, count = manifest.Joiner{}, 0
			record := e.Value
			if e.Remark != "" {
				var err error
				if record, err = manifest.SetRemark(record, e.Remark, e.Detail); err != nil {
					return err
				}
			}
			return w.take(record, &joiner, &count)
		},
		More:    func(record []byte) error { return w.take(record, &joiner, &count) },
		Dropped: func(*catalog.Entry) error { w.dropped++; return nil },
	})
}

// sorterMemory is what one sorter holds before it spills.
const sorterMemory = 24 << 20

// errWriter stands for the writer's error.
var errWriter = errors.New("a page could not be written")

// take appends one record to the pages and counts whole entries.
func (w *indexWriter) take(b []byte, j *manifest.Joiner, count *int) error {
	*count++
	rec, err := j.Add(b)
	if err != nil {
		return err
	}
	if rec != nil {
		w.totals.Count(rec, *count)
		w.uses(rec)
		w.sourceBytes += sourceBytes(rec)
		if rec.Remark != "" {
			w.remarked++
		}
	}
	if !w.page.Fits(b) || w.page.Len() >= w.pageRecords {
		if err := w.handOver(); err != nil {
			return err
		}
	}
	if w.page.Len() == 0 {
		kind, path, cont, err := manifest.PeekRecord(b)
		if err != nil {
			return err
		}
		w.page.first = manifest.DirEntry{Kind: kind, Path: path, Continuation: cont}
	}
	w.page.Add(b)
	return nil
}

// endPage encrypts the page and writes it into the current index pack.
func (w *indexWriter) endPage(p *recordPage) error {
	line := p.first
	line.Page, line.Records = w.pages, p.Len()
	if w.current != nil && (w.dir.Len() >= w.indexPages-1 || !w.dir.Fits(line.Encode())) {
		if err := w.endPack(); err != nil {
			return err
		}
		line.Page = w.pages
	}
	if w.current == nil {
		if err := w.beginPack(line.Key()); err != nil {
			return err
		}
	}
	w.dir.Add(line.Encode())
	return w.put(&p.PageBuilder, false)
}

func (w *indexWriter) beginPack(firstKey string) error {
	sw, err := w.d.open.NewStripes()
	if err != nil {
		return err
	}
	w.current = &indexPack{sw: sw, number: uint64(len(w.packs)), firstPage: w.pages, firstKey: firstKey}
	return nil
}

var pageGap [manifest.PageAlign]byte

// put writes one page at the next 4 KiB bound.
func (w *indexWriter) put(page *manifest.PageBuilder, directory bool) error {
	c := w.current
	if gap := -c.size & (manifest.PageAlign - 1); gap > 0 {
		if err := c.sw.Write(pageGap[:gap]); err != nil {
			return err
		}
		c.size += gap
	}
	entry := &manifest.PageEntry{Number: w.pages, IndexPack: c.number, Offset: c.size, Directory: directory}
	ct, err := page.Encrypt(w.d.open.Keys, c.sw.ID, entry)
	if err != nil {
		return err
	}
	if err := c.sw.Write(ct); err != nil {
		return err
	}
	c.size += int64(len(ct))
	raw, err := entry.Encode()
	if err != nil {
		return err
	}
	w.pages++
	return w.spool.Add(spoolKey(spoolPage, entry.Number), raw)
}

// endPack adds the directory page and makes the index pack durable.
func (w *indexWriter) endPack() error {
	c := w.current
	if c == nil {
		return nil
	}
	if err := w.put(&w.dir, true); err != nil {
		return err
	}
	w.current = nil
	if err := c.sw.Last(); err != nil {
		c.sw.Abort()
		return err
	}
	p, err := c.sw.Finish()
	if err != nil {
		return err
	}
	p.Number, p.FirstPage, p.Pages = c.number, c.firstPage, w.pages-c.firstPage
	if p.FirstPath, err = w.d.open.Keys.SealFirstPath(p.ID, c.firstKey); err != nil {
		return err
	}
	w.packs = append(w.packs, p)
	return nil
}

func (w *indexWriter) abort() {
	if w.current != nil {
		w.current.sw.Abort()
		w.current = nil
	}
	w.close()
}

func (w *indexWriter) close() {
	if w.spool != nil {
		w.spool.Close()
		w.spool = nil
	}
}

// logEntries calls f for the entry of every pack and page, in the log's order. A
// pack's is as the journal has it, but that shards that were lost at commit and
// have been rebuilt since count as there; lost tells how many are not.
func (w *indexWriter) logEntries(f func(number uint64, entry []byte, lost int) error) error {
	return w.spool.Each(func(key, raw []byte) error {
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		number := binary.BigEndian.Uint64(key[1:])
		if key[0] != spoolPack {
			return f(number, raw, 0)
		}
		e, err := manifest.DecodeEntry(raw)
		if err != nil {
			return err
		}
		p, err := w.sealable(e.Pack)
		if err != nil {
			return err
		}
		if raw, err = p.Encode(); err != nil {
			return err
		}
		return f(number, raw, len(p.Lost))
	})
}

// stillLost drops those shards from the list that are on their bay now and verify,
// and adds those that have gone since: their disk is here without them. A shard
// whose disk failed right behind it, and works again, gets its copies of the hash
// list back.
func (d *sealing) stillLost(p *manifest.Pack) error {
	p.Lost = d.open.Unreadable(p)
	gone, whole := d.lookFor(p)
	p.Lost = append(p.Lost, gone...)
	if err := d.bays.Own(); err != nil {
		return err
	}
	slices.Sort(p.Lost)
	if len(p.Lost) == 0 && whole {
		return nil
	}
	list, err := pack.HashList(d.bays.Set(), p, d.open.Code)
	if errors.Is(err, pack.ErrNoHashes) || errors.Is(err, erasure.ErrTooFew) {
		return fmt.Errorf("%w: %w", disk.ErrLost, err)
	}
	if err != nil {
		return err
	}
	var lost []byte
	for s, at := range p.Bays {
		b := d.bays[at]
		was := slices.Contains(p.Lost, byte(s))
		here := b != nil && b.Failed() == nil
		var bad error
		if was && here {
			bad = pack.VerifyShard(b.Disk.FS, p, s, list)
		}
		if disk.OwnFault(bad) {
			return b.Fail(bad)
		}
		if was && (!here || bad != nil) {
			lost = append(lost, byte(s))
			continue
		}
		if !here {
			continue
		}
		if err := pack.SideFiles(b.Disk.FS, p, s, d.open.Code, list); err != nil {
			if err := b.Refuse(err); err != nil {
				return err
			}
			lost = append(lost, byte(s))
		}
	}
	p.Lost = lost
	return nil
}
