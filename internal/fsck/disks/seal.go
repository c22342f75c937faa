package disks

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// sealStatements checks statements/seal.dsse on every disk.
func (v *Check) sealStatements(c *disk.CheckpointCopy) {
	var good []byte
	copies := map[*disk.Seen][]byte{}
	for _, d := range v.use {
		raw, err := disk.ReadSmall(d.Fsys, "statements/seal.dsse", wire.MaxStatementSize)
		if err == nil && good != nil && string(raw) == string(good) {
			continue
		}
		if err == nil {
			copies[d] = raw
			err = v.checkSeal(raw, c)
		}
		if errors.Is(err, errContradicts) {
			v.f.Add(findings.Fatal, "statement-differs", findings.OnDisk(d), findings.HintRefuse, "statements/seal.dsse: %v", err)
		} else if err != nil {
			v.f.Add(findings.Repairable, "statement-copy-bad", findings.OnDisk(d), findings.HintRebuild, "statements/seal.dsse: %v", err)
		} else if good == nil {
			good = raw
			if err := v.sealSays(raw); err != nil {
				v.f.Add(findings.Repairable, "statement-copy-bad", findings.OnDisk(d), findings.HintRebuild, "statements/seal.dsse: %v", err)
			}
		} else {
			v.f.Add(findings.Repairable, "statement-copy-other", findings.OnDisk(d), findings.HintRebuild, "statements/seal.dsse differs from another disk's, both are signed")
		}
	}
	if good == nil {
		v.f.Add(findings.Repairable, "statement-missing", findings.Nowhere(), "resume the seal on the device, which alone can sign it", "no disk has a good seal statement")
	}
}

// errContradicts: the device signed a seal statement of this very generation that says
// other than its log.
var errContradicts = errors.New("contradicts the log")

func (v *Check) checkSeal(raw []byte, c *disk.CheckpointCopy) error {
	e, err := wire.ParseEnvelope(raw)
	if err != nil {
		return err
	}
	if err := e.Verify(v.key); err != nil {
		return err
	}
	s, err := e.Statement(wire.SealPredicate)
	if err != nil {
		return err
	}
	p := s.Predicate
	if err := p.Version1(sealNames); err != nil {
		return err
	}
	if err := v.sealOfUs(p); err != nil {
		return err
	}
	if s.Subjects["checkpoint"] != wire.Sha256Hex(c.SignedBy(v.key)) {
		return fmt.Errorf("%w: its subject is another checkpoint", errContradicts)
	}
	want := map[string]string{
		"job_sha256": hex.EncodeToString(v.job.Sha256[:]), "log_root": base64.StdEncoding.EncodeToString(c.Root[:]),
	}
	for name, text := range want {
		if got, err := p.Text(name); err != nil || got != text {
			return fmt.Errorf("%w: %s is %q, not %q", errContradicts, name, got, text)
		}
	}
	for name, n := range map[string]uint64{"job_serial": v.job.Serial, "log_size": uint64(c.Size), "disks": uint64(v.bays)} {
		if got, err := p.Uint(name); err != nil || got != n {
			return fmt.Errorf("%w: %s is %d, not %d", errContradicts, name, got, n)
		}
	}
	return v.sealCounts(p)
}

// sealCounts compares what the statement says of bays and packs with the log.
func (v *Check) sealCounts(p wire.Object) error {
	c := &v.counts
	if got, err := p.Uint("degraded_packs"); err != nil || got != c.Degraded {
		return fmt.Errorf("%w: degraded_packs is %d, not %d", errContradicts, got, c.Degraded)
	}
	var unread uint64
	if err := p.Maybe("unread_packs", &unread); err != nil || unread > uint64(c.Packs+c.Indexes) {
		return fmt.Errorf("%w: unread_packs is %d of %d", errContradicts, unread, c.Packs+c.Indexes)
	}
	if err := v.sealBays(p); err != nil {
		return err
	}
	return v.sealRecovery(p)
}

// sealBays compares the bays that left with a copy of the unlock wrap with the log's
// events. Those that left after the log was final are in the statement alone.
func (v *Check) sealBays(p wire.Object) error {
	if !p.Has("absent_bays") {
		return fmt.Errorf("%w: absent_bays is missing", errContradicts)
	}
	for name, logged := range map[string]*uint64{"absent_bays": &v.counts.Absent, "replaced_bays": &v.counts.Rebuilt, "left_bays": nil} {
		var list []int
		if err := p.Maybe(name, &list); err != nil {
			return fmt.Errorf("%w: %s: %w", errContradicts, name, err)
		}
		bays := uint64(0)
		for _, b := range list {
			if b < 0 || b >= v.bays {
				return fmt.Errorf("%w: %s has bay %d of %d", errContradicts, name, b, v.bays)
			}
			bays |= 1 << b
		}
		if logged != nil && bays != *logged {
			return fmt.Errorf("%w: %s is %v, and the log's events say otherwise", errContradicts, name, list)
		}
		if name == "absent_bays" {
			v.absent = list
		}
	}
	return nil
}

// sealRecovery compares what the statement says of recovery with the job's recipients.
func (v *Check) sealRecovery(p wire.Object) error {
	var got string
	if err := p.Maybe("recovery", &got); err != nil {
		return fmt.Errorf("%w: recovery: %w", errContradicts, err)
	}
	want := "none"
	switch {
	case len(v.job.AgeIDs) > 0 && v.job.Classic:
		want = "not post-quantum"
	case len(v.job.AgeIDs) > 0:
		want = "post-quantum"
	}
	if got != "" && got != want {
		return fmt.Errorf("%w: recovery is %q, and the job file's recipients say %q", errContradicts, got, want)
	}
	return nil
}

// sealOfUs tells a statement of another life of the device, on a disk that was put in
// from there, from one of this.
func (v *Check) sealOfUs(p wire.Object) error {
	for name, text := range map[string]string{"job": v.who.Job.String(), "device": v.who.Device.String()} {
		if got, err := p.Text(name); err != nil || got != text {
			return fmt.Errorf("%w: %s is %q, not %q", wire.ErrMalformed, name, got, text)
		}
	}
	if got, err := p.Uint("generation"); err != nil || got != v.who.Generation {
		return fmt.Errorf("%w: generation is %d, not %d", wire.ErrMalformed, got, v.who.Generation)
	}
	return nil
}

var sealNames = []string{
	"version", "critical", "job", "device", "generation", "job_serial", "job_sha256", "log_size", "log_root", "disks",
	"absent_bays", "degraded_packs", "wrap_check", "device_key", "recovery", "sealed", "software",
	"scan_complete", "shared_disks", "filesystems", "read_back", "unread_packs", "not_erased", "replaced_bays", "left_bays",
}
