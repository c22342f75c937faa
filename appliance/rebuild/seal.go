package rebuild

import (
	"encoding/json"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/manifest"
)

// findSeal looks for a seal that has begun: what its statement will say is on the
// disks, with the log, and no checkpoint is yet. The device signs what it finds, so
// the new disk gets the log and its part of the index packs.
func (u *unsealed) findSeal() error {
	var refused error
	for _, b := range u.r.disks.Copies(disk.PlanName, 0, manifest.MaxStatement) {
		var st manifest.SealStatement
		if json.Unmarshal(b, &st) != nil || len(st.LogRoot) != 32 {
			continue
		}
		cp := manifest.Checkpoint{Origin: u.r.scope.Origin(), Size: st.LogSize, Root: [32]byte(st.LogRoot)}
		log, err := manifest.OpenLog(cp, u.r.disks)
		if err != nil {
			refused = err
			continue
		}
		u.log, u.cp, u.plan = log, cp, b
		return u.indexPacks()
	}
	if refused != nil {
		u.lose("the log of the seal that has begun: %v", refused)
	}
	return nil
}

func (u *unsealed) indexPacks() error {
	last, err := u.log.Decode(u.cp.Size - 1)
	if err != nil || last.End == nil {
		u.lose("the log of the seal that has begun has no end: %v", err)
		u.log = nil
		return nil
	}
	for n := range last.End.IndexPacks {
		e, err := u.log.Decode(last.End.FirstIndex + n)
		if err != nil || e.Pack == nil {
			u.lose("index pack %d of the seal that has begun: its log entry cannot be read: %v", n, err)
			continue
		}
		u.packs = append(u.packs, e.Pack)
	}
	return nil
}

// begunSeal gives the new disk what a seal that has begun has written to the others.
func (r *rebuilder) begunSeal() error {
	u := r.load
	if u.log == nil {
		return nil
	}
	onto := r.o.Onto.FS
	if err := CopyLog(u.log.Entry, u.cp, func(name string, data []byte) error { return disk.WriteLogFile(onto, name, data) }); err != nil {
		return err
	}
	return durable.WriteFile(onto, disk.PlanName, u.plan)
}
