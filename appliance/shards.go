package appliance

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/pack"
)

// ErrDoubted: a disk that gave something else back than it was given may not have
// other packs either, and nobody has read them since.
var ErrDoubted = errors.New("whether packs can be given back is not known")

// condemned tells whether the disk gave something else back than it was given, and
// has not given that back since.
func (r *diskReads) condemned() bool {
	return r != nil && len(r.lies) > 0
}

// doubts tells whether a disk is condemned and has not given a pack's shard back since.
// The caller holds mu.
func (d *Device) doubts(b *disk.Bay, number uint64) bool {
	return d.state.reads[keyOf(b)].condemned() && !d.wasRead(b, number)
}

// wasLost tells whether a bay's shard of a pack was lost at the commit: the disk may
// have it since, from a rebuild or because it works again.
func (h *packHome) wasLost(bay int) bool {
	i := slices.Index(h.bays, byte(bay))
	return i >= 0 && slices.Contains(h.lost, byte(i))
}

// shardOn is the shard of a pack that a disk should have; −1: none. One that was lost
// at the commit counts once it was found there. The caller holds mu.
func (d *Device) shardOn(b *disk.Bay, number uint64) int {
	h := &d.state.homes[number]
	if h.wasLost(b.Number) && !d.found[b.Number][number] && !d.wasRead(b, number) {
		return -1
	}
	return slices.Index(h.bays, byte(b.Number))
}

// lacks lists the shards of a pack that are not where they should be, and those that
// are on a disk which is condemned, or failed, and was not read since. The caller
// holds mu.
func (d *Device) lacks(number uint64) (lost, doubted []byte) {
	h := &d.state.homes[number]
	for i, at := range h.bays {
		b := d.bays[at]
		switch {
		case b == nil:
			if slices.Contains(h.lost, byte(i)) || d.state.badOn(int(at), number) {
				lost = append(lost, byte(i))
			}
		case d.isBad(b, number), d.shardOn(b, number) < 0:
			lost = append(lost, byte(i))
		case b.Failed() != nil, d.doubts(b, number):
			doubted = append(doubted, byte(i))
		}
	}
	return lost, doubted
}

// badOn tells whether any disk that was in an empty bay did not give a shard back.
func (s *loadState) badOn(bay int, number uint64) bool {
	for key, r := range s.reads {
		if key.Bay == bay && r.lacks(number) {
			return true
		}
	}
	return false
}

// degraded counts the packs that lack shards. Those on a failed disk count as there:
// it may answer again. The caller holds mu.
func (d *Device) degraded() (n uint64) {
	for number := range d.state.packs {
		lost, doubted := d.lacks(number)
		h := &d.state.homes[number]
		if len(lost) > 0 || slices.ContainsFunc(doubted, func(i byte) bool { return d.doubts(d.bays[h.bays[i]], number) }) {
			n++
		}
	}
	return n
}

// findLost asks the disks for the shards that were lost at the commit and that nobody has
// read since: a rebuild may have made them, and the others may have lost theirs.
func (d *Device) findLost() {
	d.bays.Each(func(b *disk.Bay) error {
		for n := range d.state.packs {
			if !d.state.homes[n].wasLost(b.Number) || d.wasRead(b, n) {
				continue
			}
			r := &pack.ShardReading{Bay: b, Pack: d.home(n), Shard: slices.Index(d.state.homes[n].bays, byte(b.Number))}
			is, err := r.IsFinished()
			if err != nil {
				return err
			}
			if is {
				d.find(b, n)
			}
		}
		return nil
	})
}

// lookForShards asks every disk, without reading, for each shard that it should have.
// One that is gone is noted. One that was lost at the commit and is there counts as
// found: of any content where the caller reads it then, else only if it was finished.
// An error is the process's own.
func (d *Device) lookForShards(ctx context.Context, reads bool) error {
	var wg sync.WaitGroup
	var short disk.FaultNote
	for _, b := range d.bays.Healthy() {
		wg.Go(func() {
			if err := d.lookOn(ctx, b, reads); !short.Met("disk "+b.Disk.Name, err) && err != nil && ctx.Err() == nil {
				b.Fail(err)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return short.Get()
}

func (d *Device) lookOn(ctx context.Context, b *disk.Bay, reads bool) error {
	var gone []uint64
	defer func() { d.noteGone(b, gone) }()
	for n := range d.state.packs {
		h := &d.state.homes[n]
		shard := slices.Index(h.bays, byte(b.Number))
		if shard < 0 {
			continue
		}
		r := &pack.ShardReading{Ctx: ctx, Bay: b, Pack: d.home(n), Shard: shard}
		wasLost := h.wasLost(b.Number)
		is, err := r.IsGone()
		if err == nil && !is && wasLost && !reads {
			var finished bool
			finished, err = r.IsFinished()
			is = !finished
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		switch {
		case is && !wasLost:
			gone = append(gone, n)
		case !is && wasLost:
			d.find(b, n)
		}
	}
	return nil
}

// find notes that a disk has a shard which was lost at the commit.
func (d *Device) find(b *disk.Bay, number uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.found == nil {
		d.found = map[int]map[uint64]bool{}
	}
	if d.found[b.Number] == nil {
		d.found[b.Number] = map[uint64]bool{}
	}
	d.found[b.Number][number] = true
}

// noteGone remembers that a disk has those shards no more. The log will say so once.
func (d *Device) noteGone(b *disk.Bay, numbers []uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var marks []journal.Mark
	count := 0
	for _, n := range numbers {
		if d.isBad(b, n) {
			continue
		}
		count++
		if last := len(marks) - 1; last >= 0 && marks[last].Packs.To == n {
			marks[last].Packs.To++
			continue
		}
		marks = append(marks, journal.Mark{Kind: journal.ShardGone, Key: keyOf(b), Packs: journal.Span{From: n, To: n + 1}})
	}
	if count > 0 {
		d.journalBad(b, "note", fmt.Sprintf("%d shards are gone, the first of pack %d", count, marks[0].Packs.From), marks...)
	}
}

// goneShards is the ErrReadBack of disks that work and lack shards.
func (d *Device) goneShards() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for _, b := range d.bays.Healthy() {
		count, first := 0, uint64(0)
		for n := range d.state.packs {
			if d.isBad(b, n) {
				if count++; count == 1 {
					first = n
				}
			}
		}
		if count > 0 {
			errs = append(errs, fmt.Errorf("%w: disk %s (bay %d) lacks %d shards, the first of pack %d", disk.ErrReadBack, b.Disk.Name, b.Number, count, first))
		}
	}
	return errors.Join(errs...)
}

// condemnation is the ErrReadBack of a disk that works and gave something else back
// than it was given, in this session or an earlier one.
func (d *Device) condemnation(b *disk.Bay) error {
	r := d.state.reads[keyOf(b)]
	if !r.condemned() {
		return nil
	}
	first := slices.Min(slices.Collect(maps.Keys(r.lies)))
	return fmt.Errorf("disk %s (bay %d): %w: pack %d", b.Disk.Name, b.Number, disk.ErrReadBack, first)
}

// condemnations are those of all disks that work.
func (d *Device) condemnations() (errs []error) {
	for _, b := range d.bays.Healthy() {
		if err := d.condemnation(b); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// condemn marks the disks that the journal says are condemned: Open's part.
func (d *Device) condemn() {
	for _, b := range d.bays.Healthy() {
		b.Condemn(d.state.reads[keyOf(b)].condemned())
	}
}

// pardon lets a seal with lost shards write its index onto condemned disks too: all
// that they have was read just now, and the index will be.
func (d *Device) pardon() {
	for _, b := range d.bays.Healthy() {
		b.Condemn(false)
	}
}
