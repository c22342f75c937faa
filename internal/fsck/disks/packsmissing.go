package disks

import (
	"context"
	"math/bits"
	"slices"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// manyMissing is how many packs are looked for on the disks before the log's map of
// their shards is believed of the rest.
const manyMissing = 256

// packsMissing names packs that the disks at hand cannot give back, by the log's maps
// alone: more of their shards are of bays without a disk, or were never written, than
// they have parity. No block of a pack is read.
func (v *Check) packsMissing(ctx context.Context) error {
	if !slices.Contains(v.missing, true) {
		return nil
	}
	lost, looked := int64(0), 0
	var first *wire.PackEntry
	err := v.eachPack(ctx, func(p *wire.PackEntry) error {
		bad := v.shardsMissing(p)
		if bits.OnesCount32(bad) <= p.Geometry.M {
			return ctx.Err()
		}
		if looked < manyMissing {
			looked++
			if bad = v.notElsewhere(p, bad); bits.OnesCount32(bad) <= p.Geometry.M {
				return nil
			}
		}
		if lost++; first == nil {
			first = p
		}
		v.lost(p, bad)
		return nil
	})
	if lost > 0 {
		v.f.Add(findings.Lost, "packs-missing", findings.Nowhere(), "connect the missing disks",
			"%d of %d packs have more shards on disks that are not here than they have parity; the first is %s %d", lost, v.counts.Packs+v.counts.Indexes, first.Noun(), first.Number)
	}
	return err
}

// shardsMissing are the shards of a pack that the log puts where no disk is.
func (v *Check) shardsMissing(p *wire.PackEntry) (bad uint32) {
	for j, bay := range p.Bays {
		if v.missing[bay] || p.NotWritten>>j&1 == 1 {
			bad |= 1 << j
		}
	}
	return bad
}

// notElsewhere leaves out shards that lie on some other disk, or were made since.
func (v *Check) notElsewhere(p *wire.PackEntry, bad uint32) uint32 {
	for j := range p.Bays {
		if bad>>j&1 == 0 {
			continue
		}
		for _, d := range v.use {
			if fileExists(d, disk.ShardName(p, j)) {
				bad &^= 1 << j
				break
			}
		}
	}
	return bad
}
