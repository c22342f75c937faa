package read

import (
	"context"
	"math/bits"
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/manifest"
)

// Fit is what disks can give back, by the log's maps of the shards: no block is read.
type Fit struct {
	Needed int    // so many of the device's disks are enough, whichever they are
	Packs  uint64 // packs and index packs of the device
	Lost   uint64 // those of them that the disks here cannot give back
	More   int    // disks that the worst of those needs besides; 0 if none is lost
}

// manyMissing is of how many packs the shards are looked for on the disks before the map
// is believed of the rest.
const manyMissing = 256

// Fit goes over all packs of the log. A shard that was never written counts as missing,
// unless some disk here has it.
func (s *Set) Fit(ctx context.Context) (Fit, error) {
	_, missing := s.Here()
	f, spare, looked := Fit{Packs: s.End.Packs + s.End.IndexPacks}, s.Start.Bays, 0
	err := s.EachPack(func(p *manifest.Pack) error {
		spare = min(spare, p.Geometry.M-len(p.Lost))
		bad := shardsMissing(p, missing)
		if bits.OnesCount32(bad) > p.Geometry.M && looked < manyMissing {
			looked++
			bad = s.notElsewhere(p, bad)
		}
		if more := bits.OnesCount32(bad) - p.Geometry.M; more > 0 {
			f.Lost++
			f.More = max(f.More, more)
		}
		return context.Cause(ctx)
	})
	f.Needed = s.Start.Bays - max(0, min(spare, s.Job.Geometry.M))
	return f, err
}

// shardsMissing are the shards that the log puts where no disk is, or nowhere.
func shardsMissing(p *manifest.Pack, missing []int) (bad uint32) {
	for j, bay := range p.Bays {
		if slices.Contains(p.Lost, byte(j)) || slices.Contains(missing, int(bay)) {
			bad |= 1 << j
		}
	}
	return bad
}

// notElsewhere leaves out the shards that some disk here has at their length: a rebuild that
// a power cut ended may have left a name with less behind it.
func (s *Set) notElsewhere(p *manifest.Pack, bad uint32) uint32 {
	size := pack.LayoutOf(p).ShardLen()
	for j := range p.Bays {
		for _, d := range s.set.Disks {
			if bad>>j&1 == 0 {
				break
			}
			if st, err := d.FS.Stat(disk.ShardName(p.ID, j)); err == nil && st.Mode().IsRegular() && st.Size() == size {
				bad &^= 1 << j
			}
		}
	}
	return bad
}
