package appliance

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// completeDisks makes every disk that will be signed on whole: one may have been
// rebuilt since the log was written. The log's files are compared byte by byte with
// what its entries give; shards are looked for, as the load has proven them, and read
// where nobody has read them (proveDisks).
func (d *Device) completeDisks(cp manifest.Checkpoint) error {
	set := d.bays.set()
	log, err := d.readLog(cp)
	if err != nil {
		return err
	}
	if err := copyLog(log.Entry, cp, d.completeLogFile); err != nil {
		return err
	}
	written := map[*bay]bool{}
	var lost []error
	err = eachPackOf(log, cp, func(p *manifest.Pack) error {
		err := d.completePack(set, p, written)
		if errors.Is(err, ErrLost) {
			lost = append(lost, err)
			return nil
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(lost) > 0 {
		return fmt.Errorf("nothing was signed: %d shards that the log names are neither on their disk nor can be made again, first: %w", len(lost), lost[0])
	}
	return d.proveDisks(set, log, cp, written)
}

// readLog reads and decodes the whole log from the disks, as whoever finishes the seal
// has to: once the checkpoint is on record, no other can take its place.
func (d *Device) readLog(cp manifest.Checkpoint) (*manifest.LogReader, error) {
	set := d.bays.set()
	log, err := manifest.OpenLog(cp, set)
	if err == nil {
		err = eachPackOf(log, cp, func(*manifest.Pack) error { return nil })
	}
	if err != nil {
		return nil, set.own.or(fmt.Errorf("the log on the disks is not the one that was to be sealed: %w", err))
	}
	return log, nil
}

// eachPackOf decodes all entries of a log and calls f for the packs.
func eachPackOf(log *manifest.LogReader, cp manifest.Checkpoint, f func(*manifest.Pack) error) error {
	for pos := range cp.Size {
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
func (d *Device) completeLogFile(name string, data []byte) error {
	var own faultNote
	d.bays.each(func(b *bay) error {
		have, err := vfs.ReadFile(b.disk.FS, logDir+"/"+name, int64(len(data)))
		if err == nil && string(have) == string(data) {
			return nil
		}
		if err == nil || !ownFault(err) {
			err = writeLogFile(b.disk.FS, name, data)
		}
		return own.keep(b, err)
	})
	return own.get()
}

// shardsHere are the shards that a pack should have on working disks.
func (d *Device) shardsHere(p *manifest.Pack, f func(b *bay, shard int) error) error {
	for shard, at := range p.Bays {
		if int(at) >= len(d.bays) || slices.Contains(p.Lost, byte(shard)) {
			continue
		}
		if b := d.bays[at]; b != nil && b.failed() == nil {
			if err := f(b, shard); err != nil {
				return err
			}
		}
	}
	return nil
}

// completePack writes the shards of a pack that a disk should have and has not.
func (d *Device) completePack(set *diskSet, p *manifest.Pack, written map[*bay]bool) error {
	return d.shardsHere(p, func(b *bay, shard int) error {
		has := hasShard(b, p, shard)
		if err := b.fault(); err != nil || has {
			return err
		}
		written[b] = true
		return d.rewriteShard(set, b, p, shard)
	})
}

// rewriteShard makes a shard again from the others, unless it is there and good. An
// error of the disk fails it.
func (d *Device) rewriteShard(set *diskSet, b *bay, p *manifest.Pack, shard int) error {
	r := &rebuilder{o: RebuildOptions{Onto: b.disk}, report: &RebuildReport{Bay: b.number}, disks: set}
	err := r.shard(context.Background(), p, shard)
	if errors.Is(err, ErrLost) || ownFault(err) {
		return fmt.Errorf("disk %s: %w", b.disk.Name, err)
	}
	if err != nil {
		b.fail(err)
	}
	return nil
}

// hasShard reports whether a shard, its hash list and its piece are on a disk.
func hasShard(b *bay, p *manifest.Pack, shard int) bool {
	return b.hasFile(shardName(p.ID, shard), layoutOf(p).ShardLen()) && b.hasFile(hashesName(p.ID), -1) && b.hasFile(pieceName(p.ID, shard), -1)
}
