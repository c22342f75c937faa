package seal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// completion makes every disk whole that will be signed on: one may have been rebuilt
// since the log was written, or not. It ends with its context at the beginning of a
// shard, and blames no disk for that; a later call goes on.
type completion struct {
	*sealing
	ctx      context.Context
	ledger   disk.Ledger
	cp       manifest.Checkpoint
	progress func(done, total int64) // bytes of shards that are written or read; nil is none

	set     *disk.Set
	log     *manifest.LogReader
	written map[*disk.Bay]bool // disks that lacked a shard
	lacking int64              // bytes of what they lacked
	holds   map[*disk.Bay]int64

	done, total int64
}

// newCompletion is for the disks of a seal whose checkpoint is on record.
func newCompletion(ctx context.Context, c Config, set disk.Bays, ledger disk.Ledger) *completion {
	origin := c.Scope.Origin()
	size, root, _ := ledger.RecordedCheckpoint(origin)
	d := &sealing{cfg: c, bays: set, planned: ledger.RecordedPlan(origin)}
	return &completion{sealing: d, ctx: ctx, ledger: ledger, cp: manifest.Checkpoint{Origin: origin, Size: size, Root: root}}
}

// Complete makes every disk of a seal whose checkpoint is on record whole, and signs
// nothing.
func Complete(ctx context.Context, c Config, set disk.Bays, ledger disk.Ledger) error {
	return newCompletion(ctx, c, set, ledger).run()
}

// run does all of it. The log's files are compared byte by byte with what its
// entries give; shards are looked for, as the load has proven them, and read where
// nobody has read them (proveDisks).
func (c *completion) run() error {
	c.set, c.written, c.holds = c.bays.Set(), map[*disk.Bay]bool{}, map[*disk.Bay]int64{}
	var err error
	if c.log, err = c.readLog(c.ctx, c.cp); err != nil {
		return err
	}
	entry := func(pos uint64) ([]byte, error) {
		if c.ctx.Err() != nil {
			return nil, context.Cause(c.ctx)
		}
		return c.log.Entry(pos)
	}
	if err := rebuild.CopyLog(entry, c.cp, c.completeLogFile); err != nil {
		return err
	}
	if err := c.completeWraps(); err != nil {
		return err
	}
	if err := c.completeJob(); err != nil {
		return err
	}
	if err := c.look(); err != nil {
		return err
	}
	doubted := c.unproven()
	c.total = c.lacking
	for _, b := range doubted {
		c.total += c.holds[b]
	}
	if err := c.writeLacking(); err != nil {
		return err
	}
	return c.proveDisks(doubted)
}

// eachShard calls f for every shard that should be on a working disk.
func (c *completion) eachShard(f func(b *disk.Bay, p *manifest.Pack, shard int) error) error {
	return eachPackOf(c.ctx, c.log, c.cp, func(p *manifest.Pack) error {
		return c.shardsHere(p, func(b *disk.Bay, shard int) error {
			if c.ctx.Err() != nil {
				return context.Cause(c.ctx)
			}
			return f(b, p, shard)
		})
	})
}

// shardsHere are the shards that a pack should have on working disks.
func (d *sealing) shardsHere(p *manifest.Pack, f func(b *disk.Bay, shard int) error) error {
	for shard, at := range p.Bays {
		if int(at) >= len(d.bays) || slices.Contains(p.Lost, byte(shard)) {
			continue
		}
		if b := d.bays[at]; b != nil && b.Failed() == nil {
			if err := f(b, shard); err != nil {
				return err
			}
		}
	}
	return nil
}

// lookBatch is for how many packs a disk is asked before it waits for the others.
const lookBatch = 256

// look counts what the disks should hold and what they lack.
func (c *completion) look() error {
	var batch []*manifest.Pack
	err := eachPackOf(c.ctx, c.log, c.cp, func(p *manifest.Pack) error {
		if batch = append(batch, p); len(batch) < lookBatch {
			return nil
		}
		packs := batch
		batch = nil
		return c.lookAt(packs)
	})
	if err == nil {
		err = c.lookAt(batch)
	}
	if c.ctx.Err() != nil { // not all was looked at
		return context.Cause(c.ctx)
	}
	return err
}

// lookAt asks all disks at once: where inodes are not in memory each answer is a seek.
func (c *completion) lookAt(packs []*manifest.Pack) error {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, b := range c.bays.Healthy() {
		wg.Go(func() {
			holds, lacking := c.lookOn(b, packs)
			mu.Lock()
			defer mu.Unlock()
			c.holds[b] += holds
			if c.lacking += lacking; lacking > 0 {
				c.written[b] = true
			}
		})
	}
	wg.Wait()
	return c.bays.Own()
}

func (c *completion) lookOn(b *disk.Bay, packs []*manifest.Pack) (holds, lacking int64) {
	for _, p := range packs {
		shard := slices.Index(p.Bays, byte(b.Number))
		if shard < 0 || slices.Contains(p.Lost, byte(shard)) || c.ctx.Err() != nil || b.Fault() != nil {
			continue
		}
		size := pack.LayoutOf(p).ShardLen()
		holds += size
		if !hasShard(b, p, shard) {
			lacking += size
		}
	}
	return holds, lacking
}

// writeLacking writes the shards that a disk should have and has not. None may be lost.
// The ledger has before that nobody has read these disks since: the next call does, if
// this one ends in between.
func (c *completion) writeLacking() error {
	if len(c.written) == 0 {
		return nil
	}
	if err := c.doubtWritten(); err != nil {
		return err
	}
	var lost []error
	err := c.eachShard(func(b *disk.Bay, p *manifest.Pack, shard int) error {
		has := !c.written[b] || hasShard(b, p, shard)
		if err := b.Fault(); err != nil || has {
			return err
		}
		err := c.rewrite(b, p, shard)
		if errors.Is(err, disk.ErrLost) {
			lost = append(lost, err)
			return nil
		}
		c.tell(pack.LayoutOf(p).ShardLen())
		return err
	})
	if err == nil && len(lost) > 0 {
		err = fmt.Errorf("nothing was signed: %d shards that the log names are neither on their disk nor can be made again, first: %w", len(lost), lost[0])
	}
	return err
}

// rewrite makes a shard again from the others, unless it is there and good. An error
// of the disk fails it.
func (c *completion) rewrite(b *disk.Bay, p *manifest.Pack, shard int) error {
	err := rebuild.Shard(c.ctx, c.set, b, p, shard)
	switch {
	case err == nil:
		return nil
	case c.ctx.Err() != nil: // whatever it says of the disk
		return context.Cause(c.ctx)
	case errors.Is(err, disk.ErrLost):
		return fmt.Errorf("disk %s: %w", b.Disk.Name, err)
	}
	return b.Refuse(err)
}

// proveDisks reads all shards of the disks past the page cache. What does not come
// back is written again once, and then the whole disk is read once more: a disk that
// does not hold what it takes fails.
func (c *completion) proveDisks(disks []*disk.Bay) error {
	for _, b := range disks {
		mended, err := c.proveDisk(b, true)
		if err == nil && mended && b.Failed() == nil {
			c.total += c.holds[b]
			_, err = c.proveDisk(b, false)
		}
		if err != nil {
			return err
		}
	}
	return c.set.Fault.Get()
}

// proveDisk reads the shards of one disk; a bad one is mended, or fails the disk.
func (c *completion) proveDisk(on *disk.Bay, mend bool) (mended bool, err error) {
	err = c.eachShard(func(b *disk.Bay, p *manifest.Pack, shard int) error {
		if b != on {
			return nil
		}
		end := c.done + pack.LayoutOf(p).ShardLen()
		err := c.readCommitted(b, p, shard)
		if c.ctx.Err() == nil {
			c.tell(end - c.done)
		}
		switch {
		case err == nil:
			return nil
		case c.ctx.Err() != nil: // whatever it says of the disk
			return context.Cause(c.ctx)
		case disk.OwnFault(err):
			return fmt.Errorf("disk %s: %w", b.Disk.Name, err)
		case mend:
			mended = true
			return c.rewrite(b, p, shard)
		}
		b.Fail(fmt.Errorf("%w: pack %d: %w", disk.ErrReadBack, p.Number, err))
		return nil
	})
	return mended, err
}

// readCommitted reads all that a disk has of a pack.
func (c *completion) readCommitted(b *disk.Bay, p *manifest.Pack, shard int) error {
	code, err := c.set.Code(p.Geometry)
	if err != nil {
		return err
	}
	r := &pack.ShardReading{Ctx: c.ctx, Bay: b, Pack: p, Shard: shard, After: func(n int) { c.tell(int64(n)) }}
	return r.Whole(code, vfs.AlignedBuffer(int(pack.LayoutOf(p).Block)))
}

// tell counts bytes of shards.
func (c *completion) tell(n int64) {
	c.done += n
	if c.progress != nil && n > 0 {
		c.progress(c.done, max(c.total, c.done))
	}
}

// completeJob has the device's job file written on the disks that have an earlier or a
// damaged one: the log and the label name it. A later one stays.
func (d *sealing) completeJob() error {
	return d.completeFile(disk.JobName, d.cfg.JobFile, func(b *disk.Bay) error {
		if got, err := vfs.ReadFile(b.Disk.FS, disk.JobName, manifest.MaxStatement); err == nil {
			old, err := manifest.OpenJob(got, d.cfg.Job.Signer.PublicKey)
			if err == nil && old.Serial > d.cfg.Job.Serial {
				return nil
			}
		}
		return durable.WriteFile(b.Disk.FS, disk.JobName, d.cfg.JobFile)
	})
}
