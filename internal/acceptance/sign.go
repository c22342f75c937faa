package acceptance

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/delivery"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/verdict"
	"github.com/sledge-io/sledge/manifest"
)

// sign writes the statement: first where the operator wants it, then where it is kept.
func (a *accepting) sign(key ed25519.PrivateKey) error {
	s := &manifest.Acceptance{Job: a.job.ID, JobSerial: a.job.Serial, JobFile: a.jobFile, Absent: []manifest.ID{},
		Devices: []manifest.AcceptedDevice{}, Accepted: a.o.Now().UTC().Truncate(time.Second), Note: a.o.Note, Software: a.o.Software}
	for i := range a.r.Devices {
		d, err := a.device(&a.r.Devices[i])
		if err != nil {
			return err
		}
		s.Devices = append(s.Devices, d)
	}
	for _, d := range a.job.Devices {
		if !a.accepted(d.ID.String()) {
			s.Absent = append(s.Absent, d.ID)
		}
	}
	file, err := s.Sign(key)
	if err != nil {
		return err
	}
	// Never give one that does not verify.
	if err := check(file, a.signer); err != nil {
		return err
	}
	if err := files.WriteNew(a.o.Out, file, false); err != nil {
		return err
	}
	a.r.File, a.r.Accepted, a.r.Acceptor = a.o.Out, s.Accepted, crypto.Fingerprint(key.Public().(ed25519.PublicKey))
	a.r.Kept, err = a.o.Keep(a.job.ID, file)
	return err
}

// check is nil for a statement that verifies.
func check(file []byte, signer ed25519.PublicKey) error {
	r, err := fsck.VerifyAcceptance(context.Background(), file, fsck.AcceptanceOptions{Options: fsck.Options{Trust: &fsck.Trust{Key: signer}}})
	if err == nil {
		err = verdict.Error(r.Verdict, r.Origin, r.Findings)
	}
	if err != nil {
		return fmt.Errorf("the acceptance does not verify: %w", err)
	}
	return nil
}

// device is one device as it is signed.
func (a *accepting) device(r *fsck.ReceiptReport) (d manifest.AcceptedDevice, err error) {
	d = manifest.AcceptedDevice{Generation: r.Manifest.Generation, Label: "not given", ManifestSize: uint64(r.Manifest.LogSize),
		Run: r.Run, Target: r.Target, Endpoint: r.Endpoint, ReceiptSize: uint64(r.LogSize), ReceiptRoot: r.LogRoot, ReceiptSHA256: r.SHA256, Outcomes: r.Outcomes, Proof: r.Proofs,
		Bytes: r.Bytes, Complete: r.Complete, Differences: append([]string{}, r.Differences...), Waived: a.waivedLines(r.Manifest.Device)}
	d.Rules, d.LeftOut = r.Rules, byRules(a.job.Policy, r.LeftOut)
	if slices.ContainsFunc(a.o.Labels, func(l delivery.Label) bool { return l.Scope.Device.String() == r.Manifest.Device }) {
		d.Label = "checked"
	}
	if d.Device, err = manifest.ParseID(r.Manifest.Device); err != nil {
		return d, err
	}
	d.ManifestRoot, err = base64.StdEncoding.DecodeString(r.Manifest.Root)
	return d, err
}

// waivedLines groups a device's waived entries by what became of them.
func (a *accepting) waivedLines(device string) []manifest.WaivedLines {
	groups := []manifest.WaivedLines{}
	for _, u := range a.r.Unproven {
		if u.Kind != KindPath || u.Device != device {
			continue
		}
		i := slices.IndexFunc(groups, func(w manifest.WaivedLines) bool { return w.Outcome == u.Outcome && w.Error == u.Error })
		if i < 0 {
			i = len(groups)
			groups = append(groups, manifest.WaivedLines{Outcome: u.Outcome, Error: u.Error})
		}
		groups[i].Lines = append(groups[i].Lines, u.line)
	}
	slices.SortFunc(groups, func(a, b manifest.WaivedLines) int {
		return cmp.Or(cmp.Compare(a.Outcome, b.Outcome), cmp.Compare(a.Error, b.Error))
	})
	return groups
}
