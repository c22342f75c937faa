package appliance

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/appliance/words"
	"github.com/sledge-io/sledge/manifest"
)

// A disk is believed when it has given back what it was given. Every shard of a
// committed pack is read from its disk once, past the page cache, and compared
// (readbehind.go while a load goes on, readrest.go before the seal). A disk of
// counterfeit capacity gives each shard back at first and writes a later one over
// it, so that is not enough: after the last write to a disk its first pack, its
// last one and a random sample are read once more (readsample.go). Both are in the
// journal, bound to the disk's id, and a shard that does not come back as it was
// written condemns its disk and makes all that was read of it before worthless.

// packHome is what the read-back needs of a committed pack.
type packHome struct {
	id   manifest.ID
	root [32]byte
	body int64
	bays []byte
	lost []byte // shards that were lost at the commit
}

// diskReads is what is known of one disk.
type diskReads struct {
	read    journal.Ranges  // pack numbers whose shard came back
	lies    map[uint64]bool // those whose shard came back as something else, or not: it counts as lost
	gone    map[uint64]bool // those whose shard is not there any more: it counts as lost
	settled bool            // nothing was written since its sample was read
}

// lacks tells whether the disk is known not to have its shard of a pack.
func (r *diskReads) lacks(number uint64) bool {
	return r != nil && (r.lies[number] || r.gone[number])
}

func keyOf(b *disk.Bay) journal.Key { return journal.Key{Bay: b.Number, Disk: b.ID} }

func (s *loadState) place(p *manifest.Pack) {
	s.homes = append(s.homes, packHome{id: p.ID, root: p.Root, body: p.BodySize, bays: p.Bays, lost: p.Lost})
	for key, r := range s.reads {
		if i := slices.Index(p.Bays, byte(key.Bay)); i >= 0 && !slices.Contains(p.Lost, byte(i)) {
			r.settled = false
		}
	}
}

// home is the pack as far as reading its shards goes.
func (d *Device) home(number uint64) *manifest.Pack {
	h := &d.state.homes[number]
	return &manifest.Pack{Number: number, ID: h.id, Geometry: d.cfg.Job.Geometry.Code(), BodySize: h.body, Root: h.root, Bays: h.bays, Lost: h.lost}
}

// note takes a mark into the state.
func (s *loadState) note(m journal.Mark) {
	if m.Kind == journal.WritesBegin {
		for _, r := range s.reads {
			r.settled = false
		}
		return
	}
	r := s.reads[m.Key]
	if r == nil {
		r = &diskReads{lies: map[uint64]bool{}, gone: map[uint64]bool{}}
		if s.reads == nil {
			s.reads = map[journal.Key]*diskReads{}
		}
		s.reads[m.Key] = r
	}
	switch m.Kind {
	case journal.ShardsRead:
		r.read.Add(m.Packs)
		within := func(n uint64, _ bool) bool { return n >= m.Packs.From && n < m.Packs.To }
		maps.DeleteFunc(r.lies, within)
		maps.DeleteFunc(r.gone, within)
	case journal.SampleRead:
		r.settled = true
	case journal.ShardBad, journal.ShardGone:
		now, before := r.gone, r.lies
		if m.Kind == journal.ShardBad { // whatever was read of it before proves nothing
			r.read, r.settled = journal.Ranges{}, false
			now, before = r.lies, r.gone
		}
		for n := m.Packs.From; n < min(m.Packs.To, s.packs); n++ {
			now[n] = true
			delete(before, n)
		}
	}
}

// wasRead tells whether the pack's shard on a bay came back from the disk that is
// there now. The caller holds mu.
func (d *Device) wasRead(b *disk.Bay, number uint64) bool {
	r := d.state.reads[keyOf(b)]
	return r != nil && r.read.Has(number) && !r.lacks(number)
}

func (d *Device) isSettled(b *disk.Bay) bool {
	r := d.state.reads[keyOf(b)]
	return r != nil && r.settled
}

// isBad tells whether a disk is known not to have its shard of a pack. The caller
// holds mu.
func (d *Device) isBad(b *disk.Bay, number uint64) bool {
	return d.state.reads[keyOf(b)].lacks(number)
}

// shardsOf counts the pack's shards on working disks, and those of them that were
// read back and, if asked, whose disk has not been written to since its sample was
// read. The caller holds mu.
func (d *Device) shardsOf(number uint64, settled bool) (here, read int) {
	h := &d.state.homes[number]
	for _, at := range h.bays {
		b := d.bays[at]
		if b == nil || b.Failed() != nil || d.shardOn(b, number) < 0 || d.isBad(b, number) {
			continue
		}
		here++
		if d.wasRead(b, number) && (!settled || d.isSettled(b)) {
			read++
		}
	}
	return here, read
}

// readBack tells whether a committed pack is known to be on the disks: every shard
// of it that is here was read back, as many of them as a commit needs, and no disk
// was written to later without a sample of it read after that. It takes mu.
func (d *Device) readBack(p uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p >= d.state.packs {
		return false
	}
	here, read := d.shardsOf(p, true)
	return read == here && read >= pack.Need(d.cfg.Job.Geometry.Code())
}

// packsRead counts the packs whose shards were read back. The caller holds mu.
func (d *Device) packsRead() (n uint64) {
	for number := range d.state.packs {
		if here, read := d.shardsOf(number, false); read == here && read >= d.cfg.Job.Geometry.K {
			n++
		}
	}
	return n
}

// unsettled lists the bays whose disk was written to since its sample was read, and
// has something to draw one from. The caller holds mu.
func (d *Device) unsettled() (list []int) {
	for _, b := range d.bays.Healthy() {
		if !d.isSettled(b) && d.hasAny(b) {
			list = append(list, b.Number)
		}
	}
	return list
}

// hasAny tells whether a disk has a shard, as far as is known.
func (d *Device) hasAny(b *disk.Bay) bool {
	for n := range d.state.packs {
		if d.canRead(b, n) {
			return true
		}
	}
	return false
}

// canRead tells whether a disk should give a pack's shard back. The caller holds mu.
func (d *Device) canRead(b *disk.Bay, number uint64) bool {
	return d.shardOn(b, number) >= 0 && !d.isBad(b, number)
}

// withUnreadable adds the shards that did not read back to those that a pack lost, and
// keeps of the latter those that nobody has read since; whether the disk gives them
// after all is the caller's to find out.
func (d *Device) withUnreadable(p *manifest.Pack) []byte {
	lost, doubted := d.lacks(p.Number)
	for _, i := range append(doubted, p.Lost...) {
		b := d.bays[p.Bays[i]]
		if !slices.Contains(lost, i) && (b == nil || !d.wasRead(b, p.Number)) {
			lost = append(lost, i)
		}
	}
	slices.Sort(lost)
	return lost
}

// beginWrites journals that samples read so far say nothing of what comes: before
// the first shard is created, so that no crash leaves a sample that looks newer
// than the writes after it, or a shard on a device that never had a journal.
func (d *Device) beginWrites() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	fresh := d.journal == nil && len(d.files) == 0 // shards without a journal are taken for lost ones
	for _, r := range d.state.reads {
		fresh = fresh || r.settled
	}
	if !fresh {
		return nil
	}
	m := &journal.Message{Reads: append(d.unsaved.Take(), journal.Mark{Kind: journal.WritesBegin})}
	if err := d.appendFrame(nil, m); err != nil {
		return err
	}
	return d.state.add(m)
}

// noteRead remembers that a shard came back. The journal learns of it with the next
// frame.
func (d *Device) noteRead(b *disk.Bay, number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := journal.Mark{Kind: journal.ShardsRead, Key: keyOf(b), Packs: journal.Span{From: number, To: number + 1}}
	d.state.note(m)
	d.unsaved.Add(m)
}

// noteSample remembers that a disk's sample came back.
func (d *Device) noteSample(b *disk.Bay) {
	d.mu.Lock()
	defer d.mu.Unlock()
	m := journal.Mark{Kind: journal.SampleRead, Key: keyOf(b)}
	d.state.note(m)
	d.unsaved.Later(m)
}

// noteBad remembers that a disk did not give a pack's shard back, and condemns it.
// What the program itself was short of says nothing of a disk, and a disk that has
// failed already is known.
func (d *Device) noteBad(b *disk.Bay, number uint64, err error) {
	if stopsReading(err) || b.Failed() != nil {
		return
	}
	d.noteLie(b, number, "disk-failed", err)
	d.told[b.Number] = true
	b.Fail(fmt.Errorf("%w: pack %d: %w", disk.ErrReadBack, number, err))
}

// noteUnreadable remembers it without condemning the disk: the shard counts as lost.
func (d *Device) noteUnreadable(b *disk.Bay, number uint64, err error) {
	d.noteLie(b, number, "note", err)
}

func (d *Device) noteLie(b *disk.Bay, number uint64, what string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unsaved.Drop(keyOf(b))
	mark := journal.Mark{Kind: journal.ShardBad, Key: keyOf(b), Packs: journal.Span{From: number, To: number + 1}}
	d.journalBad(b, what, fmt.Sprintf("pack %d: %s", number, words.Cause(err)), mark)
}

// journalBad journals marks of shards that a disk does not give back, and what the log
// will say: readers know no other kinds of events than the format's. The caller holds mu.
func (d *Device) journalBad(b *disk.Bay, what, text string, marks ...journal.Mark) {
	events, err := journal.EncodeEvents(d.cfg.Now(), manifest.Event{What: what, Text: "read-back-failed: " + words.UTF8(text), Bay: b.Number})
	if d.broken == nil {
		d.broken = err
	}
	m := &journal.Message{Reads: append(d.unsaved.Take(), marks...), Events: events}
	if err := d.appendFrame(nil, m); err != nil { // whoever writes next reports it
		d.cfg.Log.Debug("a failed read-back is not in the journal", "bay", b.Number, "error", err)
	}
	d.state.add(m)
}

// saveReads journals what the journal does not know yet. What cannot be written is
// read again by the next session: nothing depends on it.
func (d *Device) saveReads() {
	d.mu.Lock()
	defer d.mu.Unlock()
	marks := d.unsaved.Take()
	if len(marks) == 0 || d.broken != nil {
		return
	}
	if err := d.appendFrame(nil, &journal.Message{Reads: marks}); err != nil {
		d.cfg.Log.Debug("what was read back is not in the journal", "error", err)
	}
}

// Lost is the error of entries that were loaded and cannot be given back, or may not
// be; nil if there are none. It is ErrLost or ErrDoubted. It reads the journal.
func (d *Device) Lost() error { return d.lostByReading() }

// lostByReading is the error of entries with content in packs that more disks failed
// to give back than there is parity for, or may have failed to. Packs of which
// everything was loaded again are no loss.
func (d *Device) lostByReading() error {
	d.mu.Lock()
	lost, doubted := d.lostPacks(true)
	bays := d.doubtedBays(doubted)
	d.mu.Unlock()
	var failed []error
	if len(lost)+len(doubted) == 0 {
		return nil
	}
	for _, number := range bays {
		failed = append(failed, d.bays[number].Failed())
	}
	what := "entries are lost"
	if t, err := d.tallyOf(); err == nil {
		if what = words.Count(t.lost, "entry is lost", "entries are lost"); t.lost == 0 {
			lost = nil
		}
	}
	var errs []error
	if len(lost) > 0 {
		errs = append(errs, fmt.Errorf("%w: %s: load their source again; %s, first pack %d, did not read back from more disks than there is parity for", disk.ErrLost, what, words.Count(len(lost), "pack", "packs"), lost[0]))
	}
	if len(doubted) > 0 {
		errs = append(errs, fmt.Errorf("%w: %s, first pack %d: more of their disks failed, or gave something else back, than there is parity for (%s)",
			ErrDoubted, words.Count(len(doubted), "pack", "packs"), doubted[0], disk.BayList(bays)), errors.Join(failed...))
	}
	return errors.Join(errs...)
}

// lostPacks lists the packs that cannot be given back, as far as is known, and those of
// which it cannot be told without what condemned disks have; failed ones count with
// them if asked. The caller holds mu.
func (d *Device) lostPacks(failed bool) (lost, doubted []uint64) {
	m := d.cfg.Job.Geometry.M
	for n := range d.state.packs {
		gone, unsure := d.lacks(n)
		if !failed {
			unsure = slices.DeleteFunc(unsure, func(i byte) bool { return !d.doubts(d.bays[d.state.homes[n].bays[i]], n) })
		}
		switch {
		case len(gone) > m:
			lost = append(lost, n)
		case len(gone)+len(unsure) > m:
			doubted = append(doubted, n)
		}
	}
	return lost, doubted
}

// doubtedBays are the bays whose disk would have to give packs back.
func (d *Device) doubtedBays(packs []uint64) (list []int) {
	for _, n := range packs {
		_, unsure := d.lacks(n)
		for _, i := range unsure {
			if at := int(d.state.homes[n].bays[i]); !slices.Contains(list, at) {
				list = append(list, at)
			}
		}
	}
	return list
}

// lostContent returns a test of records with all their extents: whether bytes of it lie
// in a lost pack. A record with content and no extents counts as lost.
func (d *Device) lostContent() func(*manifest.Record) bool {
	d.mu.Lock()
	lost, doubted := d.lostPacks(false)
	d.mu.Unlock()
	unsafe := map[uint64]bool{}
	for _, n := range append(lost, doubted...) {
		unsafe[n] = true
	}
	return func(r *manifest.Record) bool {
		if len(unsafe) == 0 || !catalog.HasContent(r.Kind) || r.Size == 0 {
			return false
		}
		return len(r.Extents) == 0 || slices.ContainsFunc(r.Extents, func(e manifest.Extent) bool {
			return !e.Hole && unsafe[e.Pack]
		})
	}
}
