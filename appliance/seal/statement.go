package seal

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/manifest"
)

// wrapAnswered is what the statement says where the site has opened its wrap.
const wrapAnswered = "answered"

func (d *sealing) statement(size uint64, root [32]byte, degraded uint64, check string, o *Options) manifest.SealStatement {
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
		NotErased: disk.KeepsOverwritten(d.cfg.Disks), ReplacedBays: d.replacedBays()}
}

func (d *sealing) writePlan(p Plan) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return d.bays.EachWithRoom(func(b2 *disk.Bay) error { return durable.WriteFile(b2.Disk.FS, disk.PlanName, b) })
}

// statementNow is the statement that fits what the end of the seal finds.
func (d *sealing) statementNow(root [32]byte, cp []byte) (*manifest.SealStatement, []byte, error) {
	disks := d.bays.Set()
	plan, signed := d.findPlan(disks, root), d.findSigned(disks, root)
	if err := disks.Fault.Get(); err != nil {
		return nil, nil, err
	}
	said := &manifest.SealStatement{}
	switch {
	case signed != nil:
		said = &signed.SealStatement
	case plan != nil:
		said = &plan.SealStatement
	}
	return d.signStatement(plan, signed, d.leftBays(said), cp)
}

// signStatement takes the statement that a disk already has, or signs the plan. left are
// the bays whose disk the end of the seal does not find, or finds replaced: what the log
// says of them is final, and their copy of the unlock wrap lives on all the same.
func (d *sealing) signStatement(plan *Plan, signed *read.SignedSeal, left []int, cp []byte) (*manifest.SealStatement, []byte, error) {
	var st manifest.SealStatement
	switch {
	case signed != nil && len(without(left, signed.LeftBays)) == 0:
		return &signed.SealStatement, signed.Envelope, nil
	case signed != nil:
		st = signed.SealStatement
	case plan != nil:
		st = plan.SealStatement
	default:
		return nil, nil, fmt.Errorf("%w: no disk has what the seal statement was to say, as it was recorded", disk.ErrLost)
	}
	st.LeftBays = append(st.LeftBays, without(left, st.LeftBays)...)
	slices.Sort(st.LeftBays)
	env, err := manifest.SignStatement(manifest.PredicateSeal, []manifest.Subject{manifest.SHA256Subject("checkpoint", cp)}, st, d.cfg.Key)
	return &st, env, err
}

// findSigned looks for one on the disks; nil is none.
func (d *sealing) findSigned(set *disk.Set, root [32]byte) *read.SignedSeal {
	dev, _ := d.cfg.Job.Device(d.cfg.Scope.Device)
	return read.FindSeal(set, dev.PublicKey.PublicKey, root)
}

// leftBays are bays without the disk that the log knows: it is not here now, or was
// replaced since. said is what the statement says already.
func (d *sealing) leftBays(said *manifest.SealStatement) []int {
	left := without(d.bays.Missing(), said.AbsentBays)
	left = append(left, without(d.replacedBays(), said.ReplacedBays)...)
	slices.Sort(left)
	return slices.Compact(left)
}

// replacedBays are those whose disk was made by a rebuild: it has no time of creation.
func (d *sealing) replacedBays() (bays []int) {
	for _, b := range d.bays.Healthy() {
		if h, err := disk.ReadHeader(b.Disk); err == nil && h.Created.IsZero() {
			bays = append(bays, b.Number)
		}
	}
	return bays
}

func without(bays, others []int) (rest []int) {
	for _, n := range bays {
		if !slices.Contains(others, n) {
			rest = append(rest, n)
		}
	}
	return rest
}
