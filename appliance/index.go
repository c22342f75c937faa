package appliance

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/manifest"
)

// indexWriter sorts all committed records by path and writes them as encrypted
// pages into index packs, each with its directory page. Memory does not grow
// with the number of records: sorting spills, and page entries wait in a spool
// for the log.
type indexWriter struct {
	d       *Device
	totals  manifest.Totals
	page    manifest.PageBuilder
	dir     manifest.PageBuilder
	first   manifest.DirEntry // of the page being filled
	pages   uint64
	packs   []*manifest.Pack
	spool   *extsort.Sorter // page entries by number
	current *indexPack
}

// indexPack is an index pack being written.
type indexPack struct {
	sw        *stripeWriter
	number    uint64
	firstPage uint64
	firstKey  string
	size      int64
}

// write makes the whole index. seq keeps the last committed record of a path.
func (w *indexWriter) write() error {
	disk, err := w.d.scratchDisk()
	if err != nil {
		return err
	}
	sorter := extsort.New(extsort.Config{FS: disk.disk.FS, Dir: tmpDir, Memory: 2 * sortMemory})
	defer sorter.Close()
	w.spool = extsort.New(extsort.Config{FS: disk.disk.FS, Dir: tmpDir, Memory: sortMemory})
	var seq uint64
	again := len(w.d.state.done) > 1 // some paths may have been loaded more than once
	err = w.d.eachRecord(func(b []byte) error {
		kind, path, cont, err := manifest.PeekRecord(b)
		if err != nil {
			return err
		}
		if cont == 0 {
			seq++
		}
		key := (&manifest.Record{Kind: kind, Path: path}).OrderKey()
		if again && cont == 0 && kind != manifest.KindContinuation {
			// A folder that has become a file, or the reverse: the path's other order key ends here.
			other, isDir := strings.CutSuffix(key, "/")
			if !isDir {
				other += "/"
			}
			if err := sorter.Add(recordKey(other, 0, seq), nil); err != nil {
				return err
			}
		}
		return sorter.Add(recordKey(key, cont, seq), b)
	})
	if err != nil {
		return err
	}
	if err := w.sorted(sorter); err != nil {
		w.abort()
		return err
	}
	return nil
}

// recordKey orders records: order key, continuation number, age. Paths hold no
// NUL, so it ends the key.
func recordKey(key string, cont int, seq uint64) []byte {
	b := append([]byte(key), 0)
	b = binary.BigEndian.AppendUint32(b, uint32(cont))
	return binary.BigEndian.AppendUint64(b, seq)
}

// sorted takes, for each path, the record that was committed last and its
// continuations.
func (w *indexWriter) sorted(sorter *extsort.Sorter) error {
	var last struct {
		key    string
		seq    uint64
		record []byte
		joiner manifest.Joiner
		count  int
	}
	flush := func() error {
		if last.record == nil {
			return nil
		}
		rec := last.record
		last.record = nil
		last.joiner, last.count = manifest.Joiner{}, 0
		return w.take(rec, &last.joiner, &last.count)
	}
	err := sorter.Each(func(k, v []byte) error {
		// A record without bytes only says that the path is another entry's now.
		key, cont, seq := string(k[:len(k)-13]), binary.BigEndian.Uint32(k[len(k)-12:]), binary.BigEndian.Uint64(k[len(k)-8:])
		if cont == 0 {
			if key != last.key {
				if err := flush(); err != nil {
					return err
				}
			}
			last.key, last.seq, last.record = key, seq, nil
			if len(v) > 0 {
				last.record = append([]byte(nil), v...)
			}
			return nil
		}
		if key != last.key || seq != last.seq {
			return nil // of a record that was superseded
		}
		if err := flush(); err != nil {
			return err
		}
		return w.take(append([]byte(nil), v...), &last.joiner, &last.count)
	})
	if err == nil {
		err = flush()
	}
	if err == nil {
		err = w.endPage()
	}
	if err == nil {
		err = w.endPack()
	}
	return err
}

// Tests make these small.
var (
	pageRecords = manifest.MaxPageRecords
	indexPages  = manifest.MaxIndexPages
)

// take appends one record to the pages and counts whole entries.
func (w *indexWriter) take(b []byte, j *manifest.Joiner, count *int) error {
	*count++
	rec, err := j.Add(b)
	if err != nil {
		return err
	}
	if rec != nil {
		w.totals.Count(rec, *count)
	}
	if !w.page.Fits(b) || w.page.Len() >= pageRecords {
		if err := w.endPage(); err != nil {
			return err
		}
	}
	if w.page.Len() == 0 {
		kind, path, cont, err := manifest.PeekRecord(b)
		if err != nil {
			return err
		}
		w.first = manifest.DirEntry{Kind: kind, Path: path, Continuation: cont}
	}
	w.page.Add(b)
	return nil
}

// endPage encrypts the page and writes it into the current index pack.
func (w *indexWriter) endPage() error {
	if w.page.Len() == 0 {
		return nil
	}
	line := w.first
	line.Page, line.Records = w.pages, w.page.Len()
	if w.current != nil && (w.dir.Len() >= indexPages-1 || !w.dir.Fits(line.Encode())) {
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
	return w.put(&w.page, false)
}

func (w *indexWriter) beginPack(firstKey string) error {
	id, err := w.d.cfg.newID()
	if err != nil {
		return err
	}
	sw, err := w.d.newStripes(id)
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
		if err := c.sw.write(pageGap[:gap]); err != nil {
			return err
		}
		c.size += gap
	}
	entry := &manifest.PageEntry{Number: w.pages, IndexPack: c.number, Offset: c.size, Directory: directory}
	ct, err := page.Encrypt(w.d.keys, c.sw.id, entry)
	if err != nil {
		return err
	}
	if err := c.sw.write(ct); err != nil {
		return err
	}
	c.size += int64(len(ct))
	raw, err := entry.Encode()
	if err != nil {
		return err
	}
	w.pages++
	return w.spool.Add(binary.BigEndian.AppendUint64(nil, entry.Number), raw)
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
	if err := c.sw.flush(true); err != nil {
		c.sw.abort()
		return err
	}
	p, err := c.sw.finish()
	if err != nil {
		return err
	}
	p.Number, p.FirstPage, p.Pages = c.number, c.firstPage, w.pages-c.firstPage
	if p.FirstPath, err = w.d.keys.SealFirstPath(p.ID, c.firstKey); err != nil {
		return err
	}
	w.packs = append(w.packs, p)
	return nil
}

func (w *indexWriter) abort() {
	if w.current != nil {
		w.current.sw.abort()
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

// packEntries calls f for every pack's entry, in number order, as the journal
// has them; shards that were lost at commit and have been rebuilt since count
// as there.
func (d *Device) packEntries(f func(*manifest.Pack) error) error {
	files, err := d.findFrameFiles(journalKind)
	if err != nil {
		return err
	}
	for _, c := range files {
		_, err := d.readFrames(c, false, func(fr frame) error {
			p, err := d.clearEntry(fr.clear)
			if err != nil || p == nil {
				return err
			}
			if err := d.stillLost(p); err != nil {
				return err
			}
			return f(p)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// stillLost drops those shards from the list that are on their bay now and verify,
// and adds those that have gone since: their disk is here without them.
func (d *Device) stillLost(p *manifest.Pack) error {
	size := layoutOf(p).ShardLen()
	for s, at := range p.Bays {
		b := d.bays[at]
		if b == nil || b.failed() != nil || slices.Contains(p.Lost, byte(s)) {
			continue
		}
		if st, err := b.disk.FS.Stat(shardName(p.ID, s)); err != nil || st.Size() != size {
			p.Lost = append(p.Lost, byte(s))
		}
	}
	slices.Sort(p.Lost)
	if len(p.Lost) == 0 {
		return nil
	}
	list, err := d.bays.set().hashList(p, d.code)
	if errors.Is(err, errNoHashes) || errors.Is(err, erasure.ErrTooFew) {
		return fmt.Errorf("%w: %w", ErrLost, err)
	}
	if err != nil {
		return err
	}
	var lost []byte
	for _, s := range p.Lost {
		b := d.bays[p.Bays[s]]
		if b == nil || b.failed() != nil || verifyShard(b.disk.FS, p, int(s), list) != nil {
			lost = append(lost, s)
		}
	}
	p.Lost = lost
	return nil
}
