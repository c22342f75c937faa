package appliance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// sealPlan is what the seal statement will say, and of which disks it says it.
type sealPlan struct {
	manifest.SealStatement
	DiskIDs []manifest.ID `json:"disk_ids"` // that were read back, or not, as ReadBack says
}

// newPlan says it of the disks that work now.
func (d *Device) newPlan(st manifest.SealStatement) sealPlan {
	p := sealPlan{SealStatement: st}
	for _, b := range d.bays.healthy() {
		p.DiskIDs = append(p.DiskIDs, b.id)
	}
	return p
}

// findPlan takes the plan of a root from the disks; nil if none has it.
func findPlan(set *diskSet, root [32]byte) *sealPlan {
	for _, b := range set.copies(planName, 0, manifest.MaxStatement) {
		p := &sealPlan{}
		if err := json.Unmarshal(b, p); err == nil && bytes.Equal(p.LogRoot, root[:]) {
			return p
		}
	}
	return nil
}

// unproven are the disks of which the statement would say what nobody knows: those
// that came after the plan was made, and those that were written to since.
func (d *Device) unproven(set *diskSet, root [32]byte, written map[*bay]bool) (list []*bay) {
	plan := findPlan(set, root)
	if plan != nil && plan.ReadBack != manifest.ReadBackAll { // it promises nothing of them
		return nil
	}
	for _, b := range d.bays.healthy() {
		if written[b] || plan != nil && !slices.Contains(plan.DiskIDs, b.id) {
			list = append(list, b)
		}
	}
	return list
}

// proveDisks reads all shards of the unproven disks past the page cache. What does not
// come back is written again once, and then the whole disk is read once more: a disk
// that does not hold what it takes fails.
func (d *Device) proveDisks(set *diskSet, log *manifest.LogReader, cp manifest.Checkpoint, written map[*bay]bool) error {
	for _, b := range d.unproven(set, cp.Root, written) {
		mended, err := d.proveDisk(set, log, cp, b, true)
		if err == nil && mended && b.failed() == nil {
			_, err = d.proveDisk(set, log, cp, b, false)
		}
		if err != nil {
			return err
		}
	}
	return set.own.get()
}

// proveDisk reads the shards of one disk; a bad one is mended, or fails the disk.
func (d *Device) proveDisk(set *diskSet, log *manifest.LogReader, cp manifest.Checkpoint, on *bay, mend bool) (mended bool, err error) {
	err = eachPackOf(log, cp, func(p *manifest.Pack) error {
		return d.shardsHere(p, func(b *bay, shard int) error {
			if b != on {
				return nil
			}
			err := readCommitted(set, b, p, shard)
			switch {
			case err == nil:
				return nil
			case ownFault(err):
				return fmt.Errorf("disk %s: %w", b.disk.Name, err)
			case mend:
				mended = true
				return d.rewriteShard(set, b, p, shard)
			}
			b.fail(fmt.Errorf("%w: pack %d: %w", ErrReadBack, p.Number, err))
			return nil
		})
	})
	return mended, err
}

func readCommitted(set *diskSet, b *bay, p *manifest.Pack, shard int) error {
	code, err := set.code(p.Geometry)
	if err != nil {
		return err
	}
	r := &shardReading{ctx: context.Background(), bay: b, pack: p, shard: shard}
	return r.whole(code, vfs.AlignedBuffer(int(layoutOf(p).Block)))
}
