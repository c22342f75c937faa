package seal

import (
	"context"
	"fmt"
	"sync"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// readLog reads and decodes the whole log from the disks, as whoever finishes the seal
// has to: once the checkpoint is on record, no other can take its place.
func (d *sealing) readLog(ctx context.Context, cp manifest.Checkpoint) (*manifest.LogReader, error) {
	set := d.bays.Set()
	log, err := manifest.OpenLog(cp, set)
	if err == nil {
		err = eachPackOf(ctx, log, cp, func(*manifest.Pack) error { return nil })
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, set.Fault.Or(fmt.Errorf("the log on the disks is not the one that was to be sealed: %w", err))
	}
	return log, nil
}

// eachPackOf decodes all entries of a log and calls f for the packs.
func eachPackOf(ctx context.Context, log *manifest.LogReader, cp manifest.Checkpoint, f func(*manifest.Pack) error) error {
	for pos := range cp.Size {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		e, err := log.Decode(pos)
		if err != nil {
			return err
		}
		if e.Pack == nil {
			continue
		}
		if err := f(e.Pack); err != nil {
			return err
		}
	}
	return nil
}

// completeLogFile writes a file of the log on the disks that do not have it so.
func (d *sealing) completeLogFile(name string, data []byte) error {
	return d.completeFile(disk.LogDir+"/"+name, data, func(b *disk.Bay) error { return disk.WriteLogFile(b.Disk.FS, name, data) })
}

// completeFile has a file written on the disks that do not have it so.
func (d *sealing) completeFile(name string, data []byte, write func(b *disk.Bay) error) error {
	var own disk.FaultNote
	d.bays.Each(func(b *disk.Bay) error {
		have, err := vfs.ReadFile(b.Disk.FS, name, int64(len(data)))
		if err == nil && string(have) == string(data) {
			return nil
		}
		if err == nil || !disk.OwnFault(err) {
			err = write(b)
		}
		return own.Keep(b, err)
	})
	return own.Get()
}

// completeWraps writes the wraps that the log names on the disks that do not have them.
// A wrap that no disk has is lost: the unlock wrap may be the last way to the key, and
// the signature would destroy it.
func (c *completion) completeWraps() error {
	for pos := uint64(1); pos < c.cp.Size; pos++ {
		e, err := c.log.Decode(pos)
		if err != nil || e.Wrap == nil { // they stand at the beginning
			return err
		}
		data, err := read.Wrap(c.set, e.Wrap)
		if err != nil {
			return fmt.Errorf("nothing was signed: %w", err)
		}
		name := read.WrapName(e.Wrap)
		if err := c.completeFile(name, data, func(b *disk.Bay) error { return durable.WriteFile(b.Disk.FS, name, data) }); err != nil {
			return err
		}
	}
	return nil
}

// lookFor asks all disks at once for what they should have of a pack. gone are shards
// that are not there; whole reports that the other files are there, too.
func (d *sealing) lookFor(p *manifest.Pack) (gone []byte, whole bool) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	whole = true
	d.shardsHere(p, func(b *disk.Bay, shard int) error {
		wg.Go(func() {
			here := b.HasFile(disk.ShardName(p.ID, shard), pack.LayoutOf(p).ShardLen())
			rest := b.HasFile(disk.HashesName(p.ID), -1) && b.HasFile(disk.PieceName(p.ID, shard), -1)
			mu.Lock()
			defer mu.Unlock()
			if whole = whole && rest; !here {
				gone = append(gone, byte(shard))
			}
		})
		return nil
	})
	wg.Wait()
	return gone, whole
}

// hasShard reports whether a shard, its hash list and its piece are on a disk.
func hasShard(b *disk.Bay, p *manifest.Pack, shard int) bool {
	return b.HasFile(disk.ShardName(p.ID, shard), pack.LayoutOf(p).ShardLen()) && b.HasFile(disk.HashesName(p.ID), -1) && b.HasFile(disk.PieceName(p.ID, shard), -1)
}
