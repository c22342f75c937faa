package appliance

import (
	"context"
	"fmt"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// readLog reads and decodes the whole log from the disks, as whoever finishes the seal
// has to: once the checkpoint is on record, no other can take its place.
func (d *Device) readLog(ctx context.Context, cp manifest.Checkpoint) (*manifest.LogReader, error) {
	set := d.bays.set()
	log, err := manifest.OpenLog(cp, set)
	if err == nil {
		err = eachPackOf(ctx, log, cp, func(*manifest.Pack) error { return nil })
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, set.own.or(fmt.Errorf("the log on the disks is not the one that was to be sealed: %w", err))
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

// hasShard reports whether a shard, its hash list and its piece are on a disk.
func hasShard(b *bay, p *manifest.Pack, shard int) bool {
	return b.hasFile(shardName(p.ID, shard), layoutOf(p).ShardLen()) && b.hasFile(hashesName(p.ID), -1) && b.hasFile(pieceName(p.ID, shard), -1)
}
