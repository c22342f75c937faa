package ingest

import (
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/staging"
	"github.com/sledge-io/sledge/manifest"
)

// Pending is an entry whose bytes are all in packs that commit before or
// with the frame it stands in. Its extents get their pack numbers then.
type Pending struct {
	Ordinal uint64 // in its scan list; none of a door's
	Record  manifest.Record
	Extents []Extent
	Parts   []journal.Part // a client's own

	Staged *staging.Entry // which is moved: it counts if it is staged still
}

// Extent is where a run of content lies: in a pack that may have no number yet, or nowhere.
type Extent struct {
	offset, length int64
	pack           *Pack // nil: a hole, or number is known
	number         uint64
	packOffset     int64
	hole           bool
}

func (e Extent) resolve() manifest.Extent {
	if e.hole {
		return manifest.Extent{Offset: e.offset, Length: e.length, Hole: true}
	}
	n := e.number
	if e.pack != nil {
		n = e.pack.Number
	}
	return manifest.Extent{Offset: e.offset, Length: e.length, Pack: n, PackOffset: e.packOffset}
}

// Batch is what one journal frame commits.
type Batch struct {
	records []*Pending
	size    int // estimate of the encoded records
	ranges  journal.Ranges
	partial *Partial
	ended   []func(error)
}

// recordBudget closes a pack whose records alone would make a large frame.
const recordBudget = 6 << 20

// size is an estimate of the encoded record.
func (r *Pending) size() int {
	rec := &r.Record
	n := 220 + len(rec.Path) + len(rec.Target) + len(rec.LinkTo) + 34*len(rec.Parts) + 10*len(rec.UnitCRCs) + 40*(len(r.Extents)+len(rec.Extents))
	for _, x := range rec.Xattrs {
		n += len(x.Name) + len(x.Value)
	}
	return n
}

// Add adds a record, whose position in its scan list is done with the batch.
func (b *Batch) Add(r *Pending) {
	b.records = append(b.records, r)
	b.size += r.size()
	b.ranges.Add(journal.Span{From: r.Ordinal, To: r.Ordinal + 1})
}

// addEntry adds what is on no scan list.
func (b *Batch) addEntry(r *Pending, ended func(error)) {
	b.records = append(b.records, r)
	b.size += r.size() + 40*len(r.Parts)
	if ended != nil {
		b.ended = append(b.ended, ended)
	}
}

// end tells those who wait what became of the batch.
func (b *Batch) end(err error) {
	for _, f := range b.ended {
		f(err)
	}
}

func (b *Batch) Empty() bool { return len(b.records) == 0 && b.partial == nil }

// Full reports whether the records are about as many as a frame should hold.
func (b *Batch) Full() bool { return b.size >= recordBudget }

// Message encodes the batch; all packs it refers to have their numbers. Of what is
// moved it has what is live.
func (b *Batch) Message(list manifest.ID, live func(*staging.Entry) bool) (*journal.Message, error) {
	m := &journal.Message{List: list, Ranges: b.ranges.Spans}
	for _, p := range b.records {
		if p.Staged != nil && !live(p.Staged) {
			continue
		}
		if len(p.Parts) > 0 {
			m.PartLists = append(m.PartLists, journal.PartList{Record: len(m.Records), Parts: p.Parts})
		}
		for _, e := range p.Extents {
			p.Record.Extents = append(p.Record.Extents, e.resolve())
		}
		encoded, err := p.Record.Encode()
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

// fixed is an extent whose pack is committed, without it.
func (e Extent) fixed() Extent {
	if e.pack != nil {
		e.number, e.pack = e.pack.Number, nil
	}
	return e
}
