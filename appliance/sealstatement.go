package appliance

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/manifest"
)

func (d *Device) statement(size uint64, root [32]byte, degraded uint64, check string, o *SealOptions) manifest.SealStatement {
	recovery := "none"
	for _, r := range d.cfg.Job.Recipients {
		if crypto.WrapKind(r.Kind) == crypto.WrapAge {
			recovery = "post-quantum"
			if d.cfg.Job.Policy.ClassicRecovery {
				recovery = "not post-quantum"
			}
		}
	}
	absent := o.Absent
	if absent == nil {
		absent = []int{}
	}
	word, unread := d.readBackWord(o)
	return manifest.SealStatement{Version: manifest.Version, Critical: []string{}, Job: d.cfg.Scope.Job, Device: d.cfg.Scope.Device, Generation: d.cfg.Scope.Generation,
		JobSerial: d.cfg.Job.Serial, JobSHA256: fmt.Sprintf("%x", crypto.SumSHA256(d.cfg.JobFile)), LogSize: size, LogRoot: root[:], Disks: len(d.bays),
		AbsentBays: absent, Degraded: degraded, WrapCheck: check, DeviceKey: o.DeviceKey, Recovery: recovery, Sealed: d.cfg.Now().UTC(), Software: d.cfg.Software,
		ScanComplete: !o.Incomplete, ReadBack: word, UnreadPacks: unread, SharedDisks: d.cfg.Allowed.Shared, Filesystems: d.cfg.Allowed.Filesystems,
		NotErased: KeepsOverwritten(d.cfg.Disks)}
}

// planName is the statement's predicate, kept until it is signed: nothing is
// signed before the ledger has the checkpoint.
const planName = tmpDir + "/seal.json"

func (d *Device) planStatement(st manifest.SealStatement) error {
	return d.writePlan(d.newPlan(st))
}

func (d *Device) writePlan(p sealPlan) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return d.bays.eachWithRoom(func(b2 *bay) error { return durable.WriteFile(b2.disk.FS, planName, b) })
}

// signStatement takes the statement that a disk already has, or signs the plan.
func (d *Device) signStatement(root [32]byte, cp []byte) (*manifest.SealStatement, []byte, error) {
	dev, _ := d.cfg.Job.Device(d.cfg.Scope.Device)
	set := d.bays.set()
	for _, env := range set.copies(sealName, 0, manifest.MaxStatement) {
		var st manifest.SealStatement
		if _, _, err := manifest.OpenStatement(env, manifest.PredicateSeal, &st, dev.PublicKey.PublicKey); err == nil && bytes.Equal(st.LogRoot, root[:]) {
			return &st, env, nil
		}
	}
	if plan := findPlan(set, root); plan != nil {
		st := plan.SealStatement
		env, err := manifest.SignStatement(manifest.PredicateSeal, []manifest.Subject{manifest.SHA256Subject("checkpoint", cp)}, st, d.cfg.Key)
		return &st, env, err
	}
	return nil, nil, set.own.or(fmt.Errorf("%w: no disk has the seal statement", ErrLost))
}
