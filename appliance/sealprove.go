package appliance

import (
	"bytes"
	"encoding/json"
	"slices"

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

// findPlan takes the plan of a root from the disks; nil if none has it. It names the
// disks that all copies name: one that was written to is taken out of them one by one.
func findPlan(set *diskSet, root [32]byte) (plan *sealPlan) {
	for _, b := range set.copies(planName, 0, manifest.MaxStatement) {
		p := &sealPlan{}
		if err := json.Unmarshal(b, p); err != nil || !bytes.Equal(p.LogRoot, root[:]) {
			continue
		}
		if plan == nil {
			plan = p
			continue
		}
		plan.DiskIDs = slices.DeleteFunc(plan.DiskIDs, func(id manifest.ID) bool { return !slices.Contains(p.DiskIDs, id) })
	}
	return plan
}

// unproven are the disks of which the statement would say what nobody knows: those
// that came after the plan was made, and those that were written to since.
func (c *completion) unproven() (list []*bay) {
	plan := findPlan(c.set, c.cp.Root)
	if plan != nil && plan.ReadBack != manifest.ReadBackAll { // it promises nothing of them
		return nil
	}
	for _, b := range c.bays.healthy() {
		if c.written[b] || plan != nil && !slices.Contains(plan.DiskIDs, b.id) {
			list = append(list, b)
		}
	}
	return list
}

// doubtPlan takes disks out of the plan of a root, on all disks: what is written to
// them now has been read back by nobody.
func (d *Device) doubtPlan(set *diskSet, root [32]byte, disks map[*bay]bool) error {
	plan := findPlan(set, root)
	if plan == nil {
		return set.own.get()
	}
	before := len(plan.DiskIDs)
	plan.DiskIDs = slices.DeleteFunc(plan.DiskIDs, func(id manifest.ID) bool {
		for b := range disks {
			if b.id == id {
				return true
			}
		}
		return false
	})
	if len(plan.DiskIDs) == before {
		return nil
	}
	return d.writePlan(*plan)
}
