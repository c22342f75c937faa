package main

import (
	"fmt"
	"io"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/manifest"
)

// labelReport is a label that is given again.
type labelReport struct {
	Job       string `json:"job"`
	Device    string `json:"device"`
	Label     string `json:"label"`
	LabelFile string `json:"label_file"`
	QRFile    string `json:"label_qr_file"`

	Fingerprint string `json:"label_fingerprint"`
}

func (r *labelReport) Print(w io.Writer) {
	fmt.Fprintf(w, "label of job %s, device %s, as it was sealed\nlabel file: %s, as QR code: %s\nfingerprint: %s\n\n%s", r.Job, r.Device, escape(r.LabelFile), escape(r.QRFile), r.Fingerprint, r.Label)
}

// labelAgain gives the label of a job that was sealed on this device: as the state
// folder keeps it, or from the job's disks.
func (a *app) labelAgain(d *device, job, out string) (report, error) {
	id, err := manifest.ParseID(job)
	if err != nil {
		return nil, usagef("--job %q is not a job's id: %w", job, err)
	}
	if firmware.ID(id) == d.Record().Job && d.SealBegun() && d.State() != firmware.Sealed {
		return nil, fmt.Errorf("job %s: %w", id, appliance.ErrSealBegun)
	}
	label, err := d.Label(firmware.ID(id))
	if err != nil {
		return nil, err
	}
	if label == nil {
		if label, err = a.labelOfDisks(d, id); err != nil {
			return nil, err
		}
	}
	l, err := manifest.ParseLabel(label)
	if err != nil {
		return nil, err
	}
	r := &labelReport{Job: job, Device: d.ID().String(), Label: string(label), Fingerprint: labelFingerprint(label)}
	r.LabelFile, r.QRFile, err = writeLabel(label, l.Scope, out)
	return r, err
}

// labelOfDisks makes a label from sealed disks, if they are what this device has signed.
func (a *app) labelOfDisks(d *device, job manifest.ID) ([]byte, error) {
	recorded, ok := d.CheckpointOf(firmware.ID(job))
	if !ok {
		return nil, fmt.Errorf("job %s: this device has not sealed it: %w", job, firmware.ErrForbidden)
	}
	disks, done, err := a.openDisks()
	if err != nil {
		return nil, fmt.Errorf("the state folder keeps no label of job %s, its disks are needed: %w", job, err)
	}
	defer done()
	s, err := appliance.OpenSetContext(a.ctx, disks, d.Signer(), nil)
	if err == nil {
		err = s.CheckChain(a.ctx, d.Signer(), nil)
	}
	if err != nil {
		return nil, err
	}
	cp := s.Checkpoint()
	if cp.Origin != recorded.Origin || cp.Size != recorded.Size || cp.Root != recorded.Root {
		return nil, fmt.Errorf("the disks were sealed as %s with %d lines, this device recorded %s with %d: %w", cp.Origin, cp.Size, recorded.Origin, recorded.Size, appliance.ErrRollback)
	}
	signed, err := manifest.SignCheckpoint(cp.Origin, cp.Size, cp.Root, d.Key())
	if err != nil {
		return nil, err
	}
	l := manifest.Label{Scope: s.Scope, Disks: s.Start.Bays, JobSerial: s.Job.Serial, JobSHA256: crypto.SumSHA256(s.JobFile), Checkpoint: signed}
	return l.Encode(), nil
}
