package log

import (
	"fmt"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// Counts is what the log's walk leaves behind: totals, positions and one
// small number for every 1,024 pages.
type Counts struct {
	Packs, Pages, Indexes            int64
	FirstPack, FirstPage, FirstIndex int64
	bodySum                          uint64
	Degraded                         uint64 // packs with shards that were not written
	Absent                           uint64 // bit b: the log says that bay b was absent at seal
	Rebuilt                          uint64 // and that its disk was replaced before
	indexStart                       int64
	Stored                           int64 // bytes on disks of all packs and index packs
	IndexBody                        []int64
	indexPages                       []uint16
}

// Order holds the entries to the order of format.md 5.2: start, wraps,
// events, packs, pages, indexes, end.
type Order struct {
	Counts
	Start   *wire.StartEntry
	Ended   bool
	last    wire.EntryKind
	current pageRun
}

// pageRun follows the pages of one index pack: on 4,096-byte bounds, without
// holes, the last one a directory.
type pageRun struct {
	end          int64
	count        int
	sawDirectory bool
}

// rank is the place of a kind in the order.
var rank = map[wire.EntryKind]int{wire.StartKind: 0, wire.WrapKind: 1, wire.EventKind: 2, wire.PackKind: 3, wire.PageKind: 4, wire.IndexKind: 5, wire.EndKind: 6}

func (o *Order) Next(pos int64, e wire.LogEntry) error {
	if (pos == 0) != (e.Kind == wire.StartKind) {
		return fmt.Errorf("%w: position %d is of kind %d", wire.ErrMalformed, pos, e.Kind)
	}
	if o.Ended || rank[e.Kind] < rank[o.last] && pos > 0 {
		return fmt.Errorf("%w: kind %d after kind %d", wire.ErrMalformed, e.Kind, o.last)
	}
	o.enter(pos, e.Kind)
	o.last = e.Kind
	switch e.Kind {
	case wire.StartKind:
		o.Start = e.Start
	case wire.WrapKind:
		if e.Wrap.Generation != o.Start.Generation {
			return fmt.Errorf("%w: wrap of generation %d", wire.ErrMalformed, e.Wrap.Generation)
		}
	case wire.EventKind:
		return o.event(e.Event)
	case wire.PackKind:
		return o.pack(e.Pack)
	case wire.PageKind:
		return o.page(e.Page)
	case wire.IndexKind:
		return o.index(e.Pack)
	case wire.EndKind:
		return o.end(e.End)
	}
	return nil
}

// enter notes the positions where the kinds begin, or would.
func (o *Order) enter(pos int64, kind wire.EntryKind) {
	for _, at := range []struct {
		kind wire.EntryKind
		pos  *int64
	}{{wire.PackKind, &o.FirstPack}, {wire.PageKind, &o.FirstPage}, {wire.IndexKind, &o.FirstIndex}} {
		if rank[kind] >= rank[at.kind] && rank[o.last] < rank[at.kind] {
			*at.pos = pos
		}
	}
}

func (o *Order) checkBays(p *wire.PackEntry) error {
	for _, bay := range p.Bays {
		if int(bay) >= o.Start.Bays {
			return fmt.Errorf("%w: bay %d of %d", wire.ErrMalformed, bay, o.Start.Bays)
		}
	}
	o.Stored += p.Geometry.Stored()
	return nil
}

func (o *Order) event(e *wire.EventEntry) error {
	if e.Bay >= o.Start.Bays {
		return fmt.Errorf("%w: event of bay %d of %d", wire.ErrMalformed, e.Bay, o.Start.Bays)
	}
	switch {
	case e.Bay < 0: // of no bay
	case e.What == "disk-absent":
		o.Absent |= 1 << e.Bay
	case e.What == "disk-rebuilt":
		o.Rebuilt |= 1 << e.Bay
	}
	return nil
}

func (o *Order) pack(p *wire.PackEntry) error {
	if p.Number != uint64(o.Packs) {
		return fmt.Errorf("%w: pack number %d instead of %d", wire.ErrMalformed, p.Number, o.Packs)
	}
	o.Packs++
	if p.NotWritten != 0 {
		o.Degraded++
	}
	o.bodySum += uint64(p.Geometry.Body)
	return o.checkBays(p)
}

func (o *Order) page(p *wire.PageEntry) error {
	if p.Number != uint64(o.Pages) {
		return fmt.Errorf("%w: page number %d instead of %d", wire.ErrMalformed, p.Number, o.Pages)
	}
	o.Pages++
	if o.current.sawDirectory {
		o.closeRun()
	}
	r := &o.current
	switch {
	case p.Index != uint64(len(o.indexPages)):
		return fmt.Errorf("%w: page %d is in index pack %d instead of %d", wire.ErrMalformed, p.Number, p.Index, len(o.indexPages))
	case p.Offset != wire.Ceil4k(r.end):
		return fmt.Errorf("%w: page %d at offset %d instead of %d", wire.ErrMalformed, p.Number, p.Offset, wire.Ceil4k(r.end))
	case r.count == wire.MaxPagesPerIndex:
		return fmt.Errorf("%w: more than %d pages in index pack %d", wire.ErrMalformed, wire.MaxPagesPerIndex, p.Index)
	}
	r.end = p.Offset + p.Length
	r.count++
	r.sawDirectory = p.Directory
	return nil
}

func (o *Order) closeRun() {
	o.indexPages = append(o.indexPages, uint16(o.current.count))
	o.IndexBody = append(o.IndexBody, o.current.end)
	o.current = pageRun{}
}

func (o *Order) index(p *wire.PackEntry) error {
	if o.Indexes == 0 && o.current.sawDirectory {
		o.closeRun()
	}
	n := o.Indexes
	if o.current.count > 0 || n >= int64(len(o.indexPages)) || p.Number != uint64(n) {
		return fmt.Errorf("%w: index number %d does not fit the pages", wire.ErrMalformed, p.Number)
	}
	first := int64(0)
	if n > 0 {
		first = o.indexStart
	}
	if p.FirstPage != uint64(first) || p.PageCount != uint64(o.indexPages[n]) {
		return fmt.Errorf("%w: index %d says pages %d and %d following", wire.ErrMalformed, n, p.FirstPage, p.PageCount)
	}
	if b := p.Geometry.Body; b != o.IndexBody[n] && b != wire.Ceil4k(o.IndexBody[n]) {
		return fmt.Errorf("%w: index %d has %d bytes, its pages end at %d", wire.ErrMalformed, n, b, o.IndexBody[n])
	}
	o.indexStart = first + int64(p.PageCount)
	o.Indexes++
	return o.checkBays(p)
}

func (o *Order) end(e *wire.EndEntry) error {
	if o.Indexes != int64(len(o.indexPages)) || o.current.count > 0 {
		return fmt.Errorf("%w: pages without an index entry", wire.ErrMalformed)
	}
	want := wire.EndEntry{Packs: uint64(o.Packs), Pages: uint64(o.Pages), Indexes: uint64(o.Indexes),
		FirstPack: uint64(o.FirstPack), FirstPage: uint64(o.FirstPage), FirstIndex: uint64(o.FirstIndex), BodySum: o.bodySum}
	if *e != want {
		return fmt.Errorf("%w: end entry says %+v, the log has %+v", wire.ErrMalformed, *e, want)
	}
	o.Ended = true
	return nil
}
