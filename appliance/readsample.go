package appliance

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/internal/vfs"
)

// sampleBlocks is what is read once more of a disk after its last write: so many
// blocks from the beginning of its first shard, from the end of its last one, and
// so many of all that it holds, drawn at random. A disk that holds no more than
// all of these is read whole. If a share x of a disk is gone the draw misses it
// with (1−x)^128: of 2.3 per cent in one of twenty cases, of ten in one of 700,000.
const sampleBlocks = 128

// readSamples reads a sample of every disk that was written to since its last one,
// all disks at once, but for packs of which late tells that their shard on a disk was
// read back after the last write. A disk whose sample does not come back is condemned;
// an error is the call's end or the process's own.
func (d *Device) readSamples(ctx context.Context, late lateReads) (err error) {
	var wg sync.WaitGroup
	var short disk.FaultNote
	for _, b := range d.bays.Healthy() {
		d.mu.Lock()
		settled := d.isSettled(b)
		d.mu.Unlock()
		if settled {
			continue
		}
		var picks []samplePick
		if picks, err = d.drawSample(b, late); err != nil {
			d.cfg.Log.Warn("no sample was drawn", "bay", b.Number, "error", err)
			break
		}
		if len(picks) > 0 || late.any(b) {
			wg.Go(func() { short.Met("disk "+b.Disk.Name, d.readSample(ctx, b, picks)) })
		}
	}
	wg.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errors.Join(err, short.Get())
}

// writeCount tells whether shards were written during or after something else.
type writeCount struct {
	begun atomic.Int64 // packs
	open  atomic.Int64 // of them
}

// begin counts a pack until the returned function is called, once or more often.
func (w *writeCount) begin() (ended func()) {
	w.open.Add(1)
	w.begun.Add(1)
	return sync.OnceFunc(func() { w.open.Add(-1) })
}

// now is a mark that none of later or open packs has; none is -1.
func (w *writeCount) now() int64 {
	n := w.begun.Load()
	if w.open.Load() > 0 {
		return -1
	}
	return n
}

// lateReads are shards that came back after the last write to their disk.
type lateReads map[*disk.Bay]map[uint64]bool

// since keeps the reads that began when so many packs had been written and none
// was being written.
func (r *readBehind) since(writes int64) lateReads {
	late := lateReads{}
	for _, s := range r.reads {
		if s.mark != writes {
			continue
		}
		if late[s.bay] == nil {
			late[s.bay] = map[uint64]bool{}
		}
		late[s.bay][s.pack] = true
	}
	return late
}

func (l lateReads) any(b *disk.Bay) bool { return len(l[b]) > 0 }

// samplePick is one block of a disk.
type samplePick struct {
	pack   uint64
	stripe int64
}

// drawSample chooses the blocks, in the order in which they are read.
func (d *Device) drawSample(b *disk.Bay, late lateReads) ([]samplePick, error) {
	var packs []uint64
	var ends []int64 // how many blocks the disk holds up to the pack's end
	total := int64(0)
	d.mu.Lock() // samples of other disks are being noted
	for n := range d.state.packs {
		if d.canRead(b, n) && !late[b][n] {
			total += pack.LayoutOf(d.home(n)).Stripes()
			packs, ends = append(packs, n), append(ends, total)
		}
	}
	d.mu.Unlock()
	if total == 0 {
		return nil, nil
	}
	blocks, err := d.drawBlocks(ends)
	if err != nil {
		return nil, err
	}
	picks := make([]samplePick, len(blocks))
	for i, block := range blocks {
		at, _ := slices.BinarySearch(ends, block+1)
		first := int64(0)
		if at > 0 {
			first = ends[at-1]
		}
		picks[i] = samplePick{packs[at], block - first}
	}
	return picks, nil
}

// drawBlocks chooses among the blocks of packs that end at ends.
func (d *Device) drawBlocks(ends []int64) (blocks []int64, err error) {
	total := ends[len(ends)-1]
	if total <= 3*sampleBlocks {
		for i := range total {
			blocks = append(blocks, i)
		}
		return blocks, nil
	}
	for i := range min(sampleBlocks, ends[0]) {
		blocks = append(blocks, i)
	}
	before := int64(0)
	if len(ends) > 1 {
		before = ends[len(ends)-2]
	}
	for i := range min(sampleBlocks, total-before) {
		blocks = append(blocks, total-1-i)
	}
	seed, err := d.cfg.newID()
	if err != nil {
		return nil, err
	}
	dice := rand.New(rand.NewChaCha8([32]byte(append(seed[:], seed[:]...))))
	for range sampleBlocks {
		blocks = append(blocks, dice.Int64N(total))
	}
	slices.Sort(blocks)
	return slices.Compact(blocks), nil
}

// readSample reads the picked blocks of one disk, pack by pack.
func (d *Device) readSample(ctx context.Context, b *disk.Bay, picks []samplePick) error {
	buf := vfs.AlignedBuffer(d.cfg.Job.Geometry.BlockSize)
	for len(picks) > 0 {
		r := &pack.ShardReading{Ctx: ctx, Bay: b, Pack: d.home(picks[0].pack)}
		number := picks[0].pack
		for len(picks) > 0 && picks[0].pack == number {
			r.Stripes = append(r.Stripes, picks[0].stripe)
			picks = picks[1:]
		}
		r.Shard = slices.Index(d.state.homes[number].bays, byte(b.Number))
		gone, err := r.IsGone()
		if gone {
			d.noteGone(b, []uint64{number})
			continue
		}
		var list []byte
		if err == nil {
			list, err = pack.ColdList(b, r.Pack)
		}
		if err == nil {
			r.Good = pack.GoodByList(r.Pack, r.Shard, list)
			err = r.Run(buf)
		}
		if err != nil {
			d.noteBad(b, number, err)
			return err
		}
	}
	d.noteSample(b)
	return nil
}

// enoughDisks tells whether a load or a seal can go on.
func (d *Device) enoughDisks() error {
	g, have := d.cfg.Job.Geometry, len(d.bays.Healthy())
	if have >= pack.Need(g.Code()) {
		return nil
	}
	return disk.Rebuildable(pack.TooFew(g.Code(), have, d.bays.Errors()...), have, g)
}
