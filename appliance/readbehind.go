package appliance

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// readBehind reads committed packs back while the load goes on: one reader a disk,
// which stands back where writes wait for the disk. What it does not come to is
// read before the seal.
type readBehind struct {
	d      *Device
	ctx    context.Context // ends what is being read
	cancel context.CancelFunc
	done   sync.WaitGroup
	drain  atomic.Bool // nothing is written any more
	bytes  atomic.Int64
	total  atomic.Int64

	mu     sync.Mutex // guards the rest; taken after the device's
	more   sync.Cond
	queues map[*disk.Bay][]unreadShard
	order  []*unreadPack // as committed
	held   int           // CRCs that they hold
	reads  []timedRead   // those that may have been after the last write
	closed bool          // no more packs come
}

// unreadPack is a committed pack some shards of which were not read back.
type unreadPack struct {
	pack *manifest.Pack
	crcs []uint64 // nil: given up
	left int
}

// timedRead is a shard that came back, and how many packs had been begun before.
type timedRead struct {
	bay  *disk.Bay
	pack uint64
	mark int64
}

type unreadShard struct {
	of    *unreadPack
	shard int
}

// maxReadBehind bounds the CRCs that are held, 8 bytes a block: 32 MiB stand for
// 4 TiB of blocks of 1 MiB that wait. The oldest packs are given up first.
const maxReadBehind = 4 << 20

// readBehind takes a committed pack; the caller holds mu.
func (d *Device) readBehind(p *manifest.Pack, crcs []uint64) {
	if d.noReadBehind {
		return
	}
	if d.behind == nil {
		r := &readBehind{d: d, queues: map[*disk.Bay][]unreadShard{}}
		r.ctx, r.cancel = context.WithCancel(context.Background())
		r.more.L = &r.mu
		for _, b := range d.bays.Healthy() {
			r.done.Go(func() { r.read(b) })
		}
		d.behind = r
	}
	d.behind.push(d.bays, p, crcs)
}

func (r *readBehind) push(set disk.Bays, p *manifest.Pack, crcs []uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u := &unreadPack{pack: p, crcs: crcs}
	for i, at := range p.Bays {
		if b := set[at]; b != nil && !slices.Contains(p.Lost, byte(i)) {
			r.queues[b] = append(r.queues[b], unreadShard{u, i})
			u.left++
			r.total.Add(pack.LayoutOf(p).ShardLen())
		}
	}
	r.order, r.held = append(r.order, u), r.held+len(crcs)
	for r.held > maxReadBehind && len(r.order) > 1 {
		oldest := r.order[0]
		r.held -= len(oldest.crcs)
		oldest.crcs, r.order = nil, r.order[1:]
	}
	r.more.Broadcast()
}

// next waits for a shard of a disk; nil CRCs are of a pack that was given up.
func (r *readBehind) next(b *disk.Bay) (s unreadShard, crcs []uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.queues[b]) == 0 && !r.closed {
		r.more.Wait()
	}
	if len(r.queues[b]) == 0 || r.ctx.Err() != nil {
		return s, nil, false
	}
	s = r.queues[b][0]
	r.queues[b] = r.queues[b][1:]
	return s, s.of.crcs, true
}

// took says that a shard needs its pack's CRCs no longer.
func (r *readBehind) took(u *unreadPack) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if u.left--; u.left > 0 || u.crcs == nil {
		return
	}
	r.held -= len(u.crcs)
	u.crcs = nil
	if i := slices.Index(r.order, u); i >= 0 {
		r.order = slices.Delete(r.order, i, i+1)
	}
}

// read is a disk's reader.
func (r *readBehind) read(b *disk.Bay) {
	var buf []byte
	for {
		s, crcs, ok := r.next(b)
		if !ok {
			return
		}
		if crcs != nil && b.Failed() == nil {
			if buf == nil {
				buf = vfs.AlignedBuffer(s.of.pack.Geometry.BlockSize)
			}
			last, mark := time.Now(), r.d.writes.now()
			job := &pack.ShardReading{Ctx: r.ctx, Bay: b, Pack: s.of.pack, Shard: s.shard, Good: pack.GoodByCRC(s.of.pack, s.shard, crcs), After: func(n int) { r.bytes.Add(int64(n)); last = r.standBack(b, last) }}
			if err := r.d.readWhole(job, buf); err != nil {
				r.d.noteBad(b, s.of.pack.Number, err)
			} else {
				r.d.noteRead(b, s.of.pack.Number)
				r.noteTime(timedRead{b, s.of.pack.Number, mark})
			}
		}
		r.took(s.of)
	}
}

// noteTime keeps when a shard was read, and forgets those that are outdated already.
func (r *readBehind) noteTime(t timedRead) {
	if t.mark < 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.reads) > 0 && r.reads[0].mark < t.mark {
		r.reads = r.reads[:0]
	}
	r.reads = append(r.reads, t)
}

// standBack leaves the disk to writes that wait for it: four fifths of the time.
func (r *readBehind) standBack(b *disk.Bay, since time.Time) time.Time {
	if b.Queued() > 0 && !r.drain.Load() {
		select {
		case <-time.After(min(4*time.Since(since), 200*time.Millisecond)):
		case <-r.ctx.Done():
		}
	}
	return time.Now()
}

// end reads what waits and ends the readers; a cancelled context ends them at once.
func (r *readBehind) end(ctx context.Context) {
	r.drain.Store(true)
	defer r.cancel()
	stop := context.AfterFunc(ctx, r.cancel)
	defer stop()
	r.mu.Lock()
	r.closed = true
	r.more.Broadcast()
	r.mu.Unlock()
	r.done.Wait()
}

// endReadBack is a load's end: what was committed is read back, a sample of each
// disk that was written to is read once more, and both are journalled. An error
// tells that packs are lost or too few disks are left.
func (d *Device) endReadBack(ctx context.Context, progress func(done, total int64)) error {
	d.mu.Lock()
	r, ok := d.behind, d.broken == nil
	d.behind = nil
	d.mu.Unlock()
	failed := len(d.bays.Missing())
	if r == nil { // nothing was written
	} else if ctx.Err() == nil && ok {
		stop := r.report(progress)
		r.end(ctx)
		stop()
		if err := d.readSamples(ctx, r.since(d.writes.now())); err != nil { // the seal reads it
			d.cfg.Log.Warn("no sample was read back after the load", "error", err)
		}
	} else {
		r.cancel()
		r.end(ctx)
	}
	d.saveReads() // before anything ends the call: what was read is not read again
	if ctx.Err() == nil && ok {
		if err := d.lookForShards(ctx, false); err != nil {
			return err
		}
	}
	if err := d.lostByReading(); err != nil {
		return err
	}
	if len(d.bays.Missing()) > failed {
		return d.enoughDisks()
	}
	return nil
}

// report calls progress until stop is called.
func (r *readBehind) report(progress func(done, total int64)) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(reportInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				progress(r.bytes.Load(), r.total.Load())
			case <-done:
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

// readBackProgress is a load's progress after its last entry.
func (l *loader) readBackProgress(done, total int64) {
	if l.o.Progress != nil {
		p := l.progress()
		p.ReadBack, p.ToReadBack = done, total
		l.o.Progress(p)
	}
}

// stopReadBehind ends readers that no load has ended.
func (d *Device) stopReadBehind() {
	d.mu.Lock()
	r := d.behind
	d.behind = nil
	d.mu.Unlock()
	if r != nil {
		r.cancel()
		r.end(context.Background())
	}
}
