package appliance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// ReadBackReport says what a read-back found.
type ReadBackReport struct {
	Packs       uint64   `json:"packs"`
	ReadBack    uint64   `json:"packs_read_back"`
	Bytes       int64    `json:"bytes_read"`
	FailedDisks []string `json:"failed_disks"`
}

// ReadBack reads back what was never read since it was written, and a sample of
// each disk that was written to later. The journal remembers it, so that a call
// which was interrupted goes on. A disk that does not give back what it was given
// is in the report and counts as failed; ErrUnread tells that packs remain that
// nobody has read.
func (d *Device) ReadBack(ctx context.Context, progress func(done, total int64)) (*ReadBackReport, error) {
	r := &ReadBackReport{FailedDisks: []string{}}
	n, err := d.readRest(ctx, d.noteBad, progress)
	if err == nil {
		err = d.readSamples(ctx, nil)
	}
	d.saveReads()
	r.Bytes = n
	d.mu.Lock()
	r.Packs, r.ReadBack = d.state.packs, d.packsRead()
	lost, _ := d.lostPacks(false)
	d.mu.Unlock()
	for _, e := range d.bays.Errors() {
		r.FailedDisks = append(r.FailedDisks, e.Error())
	}
	if err == nil {
		err = d.lostByReading()
	}
	if err == nil {
		err = context.Cause(ctx)
	}
	if err == nil {
		err = d.enoughDisks()
	}
	if err == nil {
		err = d.goneShards()
	}
	if err == nil && r.ReadBack+uint64(len(lost)) < r.Packs {
		err = fmt.Errorf("%w: %d of %d", disk.ErrUnread, r.Packs-r.ReadBack, r.Packs)
	}
	return r, err
}

// badShard is told of a shard that did not come back.
type badShard func(b *disk.Bay, number uint64, err error)

// readRest reads the shards that were not, each disk on its own, compared with the
// hash lists.
func (d *Device) readRest(ctx context.Context, bad badShard, progress func(done, total int64)) (int64, error) {
	var done atomic.Int64
	var mu sync.Mutex // progress is called once at a time
	if err := d.lookForShards(ctx, true); err != nil {
		return 0, err
	}
	total := int64(0)
	rest := map[*disk.Bay][]uint64{}
	for _, b := range d.bays.Healthy() {
		rest[b] = d.unreadOn(b, nil)
		for _, n := range rest[b] {
			total += pack.LayoutOf(d.home(n)).ShardLen()
		}
	}
	after := func(n int) {
		now := done.Add(int64(n))
		if progress != nil {
			mu.Lock()
			defer mu.Unlock()
			progress(now, total)
		}
	}
	var wg sync.WaitGroup
	var short disk.FaultNote // what the process was short of
	for b, packs := range rest {
		wg.Go(func() { short.Met("disk "+b.Disk.Name, d.readPacks(ctx, b, packs, bad, after)) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return done.Load(), context.Cause(ctx)
	}
	return done.Load(), short.Get()
}

// savedEach is after how many shards of one disk the journal learns of them.
const savedEach = 256

// readPacks reads shards of one disk. One that does not come back makes those that
// did in earlier calls worthless: they are read again, unless the disk is condemned.
// The error is the process's own, or the call's end.
func (d *Device) readPacks(ctx context.Context, b *disk.Bay, packs []uint64, bad badShard, after func(int)) error {
	buf := vfs.AlignedBuffer(d.cfg.Job.Geometry.BlockSize)
	tried := map[uint64]bool{}
	var good []uint64
	for len(packs) > 0 && ctx.Err() == nil && b.Failed() == nil {
		n := packs[0]
		packs, tried[n] = packs[1:], true
		home := &d.state.homes[n]
		r := &pack.ShardReading{Ctx: ctx, Bay: b, Pack: d.home(n), Shard: slices.Index(home.bays, byte(b.Number)), After: after}
		gone, err := r.IsGone()
		if gone {
			d.noteGone(b, []uint64{n})
			continue
		}
		if err == nil {
			err = d.readWhole(r, buf)
		}
		switch {
		case err == nil:
			d.noteRead(b, n)
			good = append(good, n)
		case stopsReading(err):
			return fmt.Errorf("pack %d was not read back: %w", n, err)
		case home.wasLost(b.Number): // nobody has counted on it
			d.noteGone(b, []uint64{n})
		default:
			bad(b, n, err)
			for _, n := range good {
				d.noteRead(b, n)
			}
			packs = d.unreadOn(b, tried)
		}
		if len(good)%savedEach == savedEach-1 {
			d.saveReads()
		}
	}
	return nil
}

// unreadOn lists the packs whose shard on a disk was not read back, last those of which
// that is known: the disk is condemned at the first.
func (d *Device) unreadOn(b *disk.Bay, but map[uint64]bool) (packs []uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var known []uint64
	for n := range d.state.packs {
		switch {
		case d.shardOn(b, n) < 0 || d.wasRead(b, n) || but[n]:
		case d.isBad(b, n):
			known = append(known, n)
		default:
			packs = append(packs, n)
		}
	}
	return append(packs, known...)
}

// readIndex reads index packs, and then a sample of each disk: it shows that they were not
// written over something else.
func (d *Device) readIndex(ctx context.Context, packs []*manifest.Pack) error {
	var short disk.FaultNote // what the process was short of
	d.bays.Each(func(b *disk.Bay) error {
		err := d.readIndexOn(ctx, b, packs)
		if short.Met("disk "+b.Disk.Name, err) || stopsReading(err) {
			return nil
		}
		return err
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := short.Get(); err != nil {
		return err
	}
	return d.readSamples(ctx, nil)
}

// readIndexOn reads what one disk has of the index packs.
func (d *Device) readIndexOn(ctx context.Context, b *disk.Bay, packs []*manifest.Pack) error {
	buf := vfs.AlignedBuffer(d.cfg.Job.Geometry.BlockSize)
	for _, p := range packs {
		shard := slices.Index(p.Bays, byte(b.Number))
		if shard < 0 || slices.Contains(p.Lost, byte(shard)) {
			continue
		}
		if err := d.readWhole(&pack.ShardReading{Ctx: ctx, Bay: b, Pack: p, Shard: shard}, buf); err != nil {
			return fmt.Errorf("%w: index pack %d: %w", disk.ErrReadBack, p.Number, err)
		}
	}
	return nil
}

// readWhole reads all that a disk has of a pack: shard, hash list and piece.
func (d *Device) readWhole(r *pack.ShardReading, buf []byte) error { return r.Whole(d.code, buf) }

// stopsReading reports whether an error is the call's end or the process's own, and
// says nothing of the disk.
func stopsReading(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || disk.OwnFault(err)
}
