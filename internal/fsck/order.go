package fsck

import "fmt"

// logCounts is what the log's walk leaves behind: totals, positions and one
// small number for every 1,024 pages.
type logCounts struct {
	packs, pages, indexes            int64
	firstPack, firstPage, firstIndex int64
	bodySum                          uint64
	degraded                         uint64 // packs with shards that were not written
	absent                           uint64 // bit b: the log says that bay b was absent at seal
	rebuilt                          uint64 // and that its disk was replaced before
	indexStart                       int64
	stored                           int64 // bytes on disks of all packs and index packs
	indexBody                        []int64
	indexPages                       []uint16
}

// logOrder holds the entries to the order of format.md 5.2: start, wraps,
// events, packs, pages, indexes, end.
type logOrder struct {
	logCounts
	start   *startEntry
	ended   bool
	last    entryKind
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
var rank = map[entryKind]int{startKind: 0, wrapKind: 1, eventKind: 2, packKind: 3, pageKind: 4, indexKind: 5, endKind: 6}

func (o *logOrder) next(pos int64, e logEntry) error {
	if (pos == 0) != (e.kind == startKind) {
		return fmt.Errorf("%w: position %d is of kind %d", errMalformed, pos, e.kind)
	}
	if o.ended || rank[e.kind] < rank[o.last] && pos > 0 {
		return fmt.Errorf("%w: kind %d after kind %d", errMalformed, e.kind, o.last)
	}
	o.enter(pos, e.kind)
	o.last = e.kind
	switch e.kind {
	case startKind:
		o.start = e.start
	case wrapKind:
		if e.wrap.generation != o.start.generation {
			return fmt.Errorf("%w: wrap of generation %d", errMalformed, e.wrap.generation)
		}
	case eventKind:
		return o.event(e.event)
	case packKind:
		return o.pack(e.pack)
	case pageKind:
		return o.page(e.page)
	case indexKind:
		return o.index(e.pack)
	case endKind:
		return o.end(e.end)
	}
	return nil
}

// enter notes the positions where the kinds begin, or would.
func (o *logOrder) enter(pos int64, kind entryKind) {
	for _, at := range []struct {
		kind entryKind
		pos  *int64
	}{{packKind, &o.firstPack}, {pageKind, &o.firstPage}, {indexKind, &o.firstIndex}} {
		if rank[kind] >= rank[at.kind] && rank[o.last] < rank[at.kind] {
			*at.pos = pos
		}
	}
}

func (o *logOrder) checkBays(p *packEntry) error {
	for _, bay := range p.bays {
		if int(bay) >= o.start.bays {
			return fmt.Errorf("%w: bay %d of %d", errMalformed, bay, o.start.bays)
		}
	}
	o.stored += p.geometry.stored()
	return nil
}

func (o *logOrder) event(e *eventEntry) error {
	if e.bay >= o.start.bays {
		return fmt.Errorf("%w: event of bay %d of %d", errMalformed, e.bay, o.start.bays)
	}
	switch {
	case e.bay < 0: // of no bay
	case e.what == "disk-absent":
		o.absent |= 1 << e.bay
	case e.what == "disk-rebuilt":
		o.rebuilt |= 1 << e.bay
	}
	return nil
}

func (o *logOrder) pack(p *packEntry) error {
	if p.number != uint64(o.packs) {
		return fmt.Errorf("%w: pack number %d instead of %d", errMalformed, p.number, o.packs)
	}
	o.packs++
	if p.notWritten != 0 {
		o.degraded++
	}
	o.bodySum += uint64(p.geometry.body)
	return o.checkBays(p)
}

func (o *logOrder) page(p *pageEntry) error {
	if p.number != uint64(o.pages) {
		return fmt.Errorf("%w: page number %d instead of %d", errMalformed, p.number, o.pages)
	}
	o.pages++
	if o.current.sawDirectory {
		o.closeRun()
	}
	r := &o.current
	switch {
	case p.index != uint64(len(o.indexPages)):
		return fmt.Errorf("%w: page %d is in index pack %d instead of %d", errMalformed, p.number, p.index, len(o.indexPages))
	case p.offset != ceil4k(r.end):
		return fmt.Errorf("%w: page %d at offset %d instead of %d", errMalformed, p.number, p.offset, ceil4k(r.end))
	case r.count == maxPagesPerIndex:
		return fmt.Errorf("%w: more than %d pages in index pack %d", errMalformed, maxPagesPerIndex, p.index)
	}
	r.end = p.offset + p.length
	r.count++
	r.sawDirectory = p.directory
	return nil
}

func (o *logOrder) closeRun() {
	o.indexPages = append(o.indexPages, uint16(o.current.count))
	o.indexBody = append(o.indexBody, o.current.end)
	o.current = pageRun{}
}

func (o *logOrder) index(p *packEntry) error {
	if o.indexes == 0 && o.current.sawDirectory {
		o.closeRun()
	}
	n := o.indexes
	if o.current.count > 0 || n >= int64(len(o.indexPages)) || p.number != uint64(n) {
		return fmt.Errorf("%w: index number %d does not fit the pages", errMalformed, p.number)
	}
	first := int64(0)
	if n > 0 {
		first = o.indexStart
	}
	if p.firstPage != uint64(first) || p.pageCount != uint64(o.indexPages[n]) {
		return fmt.Errorf("%w: index %d says pages %d and %d following", errMalformed, n, p.firstPage, p.pageCount)
	}
	if b := p.geometry.body; b != o.indexBody[n] && b != ceil4k(o.indexBody[n]) {
		return fmt.Errorf("%w: index %d has %d bytes, its pages end at %d", errMalformed, n, b, o.indexBody[n])
	}
	o.indexStart = first + int64(p.pageCount)
	o.indexes++
	return o.checkBays(p)
}

func (o *logOrder) end(e *endEntry) error {
	if o.indexes != int64(len(o.indexPages)) || o.current.count > 0 {
		return fmt.Errorf("%w: pages without an index entry", errMalformed)
	}
	want := endEntry{uint64(o.packs), uint64(o.pages), uint64(o.indexes),
		uint64(o.firstPack), uint64(o.firstPage), uint64(o.firstIndex), o.bodySum}
	if *e != want {
		return fmt.Errorf("%w: end entry says %+v, the log has %+v", errMalformed, *e, want)
	}
	o.ended = true
	return nil
}
