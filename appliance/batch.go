package appliance

import (
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/manifest"
)

// pendingRecord is an entry whose bytes are all in packs that commit before or
// with the frame it stands in. Its extents get their pack numbers then.
type pendingRecord struct {
	ordinal uint64
	record  manifest.Record
	extents []pendingExtent
}

type pendingExtent struct {
	offset, length int64
	pack           *packWriter // nil: a hole, or number is known
	number         uint64
	packOffset     int64
	hole           bool
}

func (e pendingExtent) resolve() manifest.Extent {
	if e.hole {
		return manifest.Extent{Offset: e.offset, Length: e.length, Hole: true}
	}
	n := e.number
	if e.pack != nil {
		n = e.pack.number
	}
	return manifest.Extent{Offset: e.offset, Length: e.length, Pack: n, PackOffset: e.packOffset}
}

// batch is what one journal frame commits.
type batch struct {
	records []*pendingRecord
	size    int // estimate of the encoded records
	ranges  journal.Ranges
	partial *partialFile
}

// recordBudget closes a pack whose records alone would make a large frame.
const recordBudget = 6 << 20

// size is an estimate of the encoded record.
func (r *pendingRecord) size() int {
	rec := &r.record
	n := 220 + len(rec.Path) + len(rec.Target) + len(rec.LinkTo) + 34*len(rec.Parts) + 10*len(rec.UnitCRCs) + 40*(len(r.extents)+len(rec.Extents))
	for _, x := range rec.Xattrs {
		n += len(x.Name) + len(x.Value)
	}
	return n
}

func (b *batch) add(r *pendingRecord) {
	b.records = append(b.records, r)
	b.size += r.size()
	b.ranges.Add(journal.Span{From: r.ordinal, To: r.ordinal + 1})
}

func (b *batch) empty() bool { return len(b.records) == 0 && b.partial == nil }
func (b *batch) full() bool  { return b.size >= recordBudget }

// message encodes the batch; all packs it refers to have their numbers.
func (b *batch) message(list manifest.ID) (*journal.Message, error) {
	m := &journal.Message{List: list, Ranges: b.ranges.Spans}
	for _, p := range b.records {
		for _, e := range p.extents {
			p.record.Extents = append(p.record.Extents, e.resolve())
		}
		encoded, err := p.record.Encode()
		if err != nil {
			return nil, err
		}
		m.Records = append(m.Records, encoded...)
	}
	if b.partial != nil {
		var err error
		if m.Partial, err = b.partial.encode(); err != nil {
			return nil, err
		}
	}
	return m, nil
}
