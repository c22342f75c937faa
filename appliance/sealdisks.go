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
// what its entries give; shards are looked for, as the load has proven them.
func (d *Device) completeDisks(cp manifest.Checkpoint) error {
	set := d.bays.set()
	log, err := d.readLog(cp)
	if err != nil {
		return err
	}
	if err := copyLog(log.Entry, cp, d.completeLogFile); err != nil {
		return err
	}
	var lost []error
	for pos := range cp.Size {
		e, err := log.Decode(pos)
		if err != nil {
			return err
		}
		if e.Pack == nil {
			continue
		}
		err = d.completePack(set, e.Pack)
		if errors.Is(err, ErrLost) {
			lost = append(lost, err)
		} else if err != nil {
			return err
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("nothing was signed: %d shards that the log names are neither on their disk nor can be made again, first: %w", len(lost), lost[0])
	}
	return nil
}

// readLog opens the log on the disks and decodes every entry of it. A seal does so
// before its checkpoint goes on record too: afterwards no other log can be sealed.
func (d *Device) readLog(cp manifest.Checkpoint) (*manifest.LogReader, error) {
	log, err := manifest.OpenLog(cp, d.bays.set())
	for pos := uint64(0); err == nil && pos < cp.Size; pos++ {
		_, err = log.Decode(pos)
	}
	if err != nil {
		return nil, fmt.Errorf("the log on the disks is not the one that was to be sealed: %w", err)
	}
	return log, nil
}

// completeLogFile writes a file of the log on the disks that do not have it so.
func (d *Device) completeLogFile(name string, data []byte) error {
	var own notedFault
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
	return own.err
}

// completePack writes the shards of a pack that a disk should have and has not.
func (d *Device) completePack(set *diskSet, p *manifest.Pack) error {
	for shard, at := range p.Bays {
		if int(at) >= len(d.bays) || slices.Contains(p.Lost, byte(shard)) {
			continue
		}
		b := d.bays[at]
		if b == nil || b.failed() != nil || hasShard(b, p, shard) {
			continue
		}
		r := &rebuilder{o: RebuildOptions{Onto: b.disk}, report: &RebuildReport{Bay: b.number}, disks: set}
		err := r.shard(context.Background(), p, shard)
		if errors.Is(err, ErrLost) || ownFault(err) {
			return fmt.Errorf("disk %s: %w", b.disk.Name, err)
		}
		if err != nil {
			b.fail(err)
		}
	}
	return nil
}

// hasShard reports whether a shard, its hash list and its piece are on a disk.
func hasShard(b *bay, p *manifest.Pack, shard int) bool {
	return b.hasFile(shardName(p.ID, shard), layoutOf(p).ShardLen()) && b.hasFile(hashesName(p.ID), -1) && b.hasFile(pieceName(p.ID, shard), -1)
}
