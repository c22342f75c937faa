package read

import (
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/manifest"
)

// Here says which bays of the device have a disk here: by its header, and where that
// cannot be read by the shards that the disk holds. Neither proves that what is on the
// disk is whole. A disk whose rebuild was cut off is not: its bay is missing.
func (s *Set) Here() (here, missing []int) {
	at := map[int]bool{}
	for i, h := range s.set.Headers {
		if (h == nil || h.Scope == s.Scope) && !errors.Is(disk.CheckMark(s.set.Disks[i]), disk.ErrRebuilding) {
			at[s.set.Bays[i]] = true
		}
	}
	for bay := range s.Start.Bays {
		if at[bay] {
			here = append(here, bay)
		} else {
			missing = append(missing, bay)
		}
	}
	return here, missing
}

// samplePacks is of how many packs the shards are looked for on a disk without a header.
const samplePacks = 16

// bayByShards finds the bay of a disk by the shards on it, −1 if it has none of the
// packs that are looked at.
func (s *Set) bayByShards(d disk.Disk) int {
	votes, best := make([]int, disk.MaxDisks), -1
	for _, kind := range []struct {
		count uint64
		pack  func(uint64) (*manifest.Pack, error)
	}{{s.End.IndexPacks, s.IndexPack}, {s.End.Packs, s.Pack}} {
		for i := range min(kind.count, samplePacks) {
			p, err := kind.pack(kind.count * i / min(kind.count, samplePacks))
			if err != nil { // whatever is wrong with the log, its reader tells
				continue
			}
			for shard, bay := range p.Bays {
				if _, err := d.FS.Stat(disk.ShardName(p.ID, shard)); err == nil {
					votes[bay]++
				}
			}
		}
	}
	for bay, n := range votes {
		if n > 0 && (best < 0 || n > votes[best]) {
			best = bay
		}
	}
	return best
}

// place finds a bay for a disk without a header that can be read, and notes it.
func (s *Set) place(i int) (bay int) {
	d := s.set.Disks[i]
	if bay = s.bayByShards(d); bay < 0 {
		s.Warnings = append(s.Warnings, fmt.Sprintf("disk %s: header is missing or damaged, and none of this device's shards that were looked for are there", d.Name))
		return bay
	}
	s.set.Claim(i, bay)
	s.Warnings = append(s.Warnings, fmt.Sprintf("disk %s: header is missing or damaged; by its shards it is bay %d", d.Name, bay))
	return bay
}
