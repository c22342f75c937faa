package seal

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// Plan is what the seal statement will say, and of which disks it says it. The
// ledger has the digest, so that nobody changes it on the disks before it is signed.
type Plan struct {
	manifest.SealStatement
	DiskIDs []manifest.ID `json:"disk_ids"`          // that were read back, or not, as ReadBack says
	Doubted []manifest.ID `json:"doubted,omitempty"` // that earlier software has written to since
}

// newPlan says it of the disks that work now.
func (d *sealing) newPlan(st manifest.SealStatement) Plan {
	p := Plan{SealStatement: st}
	for _, b := range d.bays.Healthy() {
		p.DiskIDs = append(p.DiskIDs, b.ID)
	}
	return p
}

// digest is of all that the plan said when it was made.
func (p Plan) digest() [32]byte {
	p.Doubted = nil
	b, err := json.Marshal(p)
	if err != nil {
		panic("appliance: seal plan: " + err.Error()) // its types have a JSON form
	}
	return crypto.SumSHA256(b)
}

// findPlan takes the recorded plan from the disks; nil if none has it. The disks that any
// copy doubts are doubted: that makes the device read more, never less.
func (d *sealing) findPlan(set *disk.Set, root [32]byte) (plan *Plan) {
	for _, b := range set.Copies(disk.PlanName, 0, manifest.MaxStatement) {
		p := &Plan{}
		if err := json.Unmarshal(b, p); err != nil || !bytes.Equal(p.LogRoot, root[:]) || d.planned != [32]byte{} && p.digest() != d.planned {
			continue
		}
		if plan == nil {
			plan = p
			continue
		}
		plan.Doubted = append(plan.Doubted, p.Doubted...)
	}
	return plan
}

// proves tells whether the plan's word of the read-back is true of a disk.
func (p *Plan) proves(id manifest.ID, written [][16]byte) bool {
	return slices.Contains(p.DiskIDs, id) && !slices.Contains(p.Doubted, id) && !slices.Contains(written, [16]byte(id))
}

// unproven are the disks of which the statement would say what nobody knows: those
// that came after the plan was made, and those that were written to since.
func (c *completion) unproven() (list []*disk.Bay) {
	plan := c.findPlan(c.set, c.cp.Root)
	if plan != nil && plan.ReadBack != manifest.ReadBackAll { // it promises nothing of them
		return nil
	}
	written := c.ledger.RecordedWritten(c.cp.Origin)
	for _, b := range c.bays.Healthy() {
		if c.written[b] || plan != nil && !plan.proves(b.ID, written) {
			list = append(list, b)
		}
	}
	return list
}

// doubtWritten has the ledger remember the disks that are written to now: nobody has read
// that back. The disks themselves are no place for it, for whoever has them could take
// it away.
func (c *completion) doubtWritten() error {
	known := c.ledger.RecordedWritten(c.cp.Origin)
	ids := slices.Clone(known)
	for _, b := range c.bays.Healthy() {
		if c.written[b] && !slices.Contains(ids, [16]byte(b.ID)) {
			ids = append(ids, b.ID)
		}
	}
	if len(ids) == len(known) {
		return nil
	}
	return c.ledger.RecordWritten(c.cp.Origin, ids)
}
