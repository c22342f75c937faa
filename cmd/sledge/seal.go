package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"rsc.io/qr"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/manifest"
)

type sealReport struct {
	Statement manifest.SealStatement `json:"statement"`
	Label     string                 `json:"label"`
	LabelFile string                 `json:"label_file"`
	QRFile    string                 `json:"label_qr_file"`
}

func (r *sealReport) print(w io.Writer) {
	s := r.Statement
	fmt.Fprintf(w, "sealed: job %s, device %s, generation %d\nsigned log of %s, recovery %s, device key: %s\n", s.Job, s.Device, s.Generation, plural(s.LogSize, "line"), s.Recovery, s.DeviceKey)
	if s.WrapCheck == "unchecked" {
		fmt.Fprintf(w, "the site has NOT confirmed that it can open this data; do not delete the source before it was imported\n")
	}
	if s.SharedDisks {
		fmt.Fprintf(w, "bays shared a disk: one failure may have taken several of them\n")
	}
	if len(s.Filesystems) > 0 {
		fmt.Fprintf(w, "disks were allowed on %s\n", escape(strings.Join(s.Filesystems, ", ")))
	}
	if len(s.AbsentBays) > 0 {
		fmt.Fprintf(w, "bays %v were absent: their copies of the load key live on, with the unlock code they open this data\n", s.AbsentBays)
	}
	fmt.Fprintf(w, "label file: %s, as QR code: %s\n\n%s\nThe label travels outside the device: send the file, and put a print of it into the parcel.\n", escape(r.LabelFile), escape(r.QRFile), r.Label)
}

type sealFlags struct {
	absent                          []int
	answer, labelOut                string
	unchecked, degraded, incomplete bool
}

func (a *app) sealCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seal",
		Short: "make the device final, give its label, destroy the field's key",
		Long: `Write the manifest, sign its checkpoint, and destroy the wrap of the load key that
the unlock code opens. From then on nothing can be added, and nobody in the field
can read the data. The label that is given says what was sealed: the importer
needs it, by another way than the disks.

After an interruption the same command goes on. On a sealed device it gives the
label again.`,
		Example: `  sledge status --disk '/mnt/bay*' --wrap-check device.wrapcheck   # send it to the data centre
  sledge seal --disk '/mnt/bay*' --wrap-answer 7K3QX-9M2PA
  sledge seal --disk '/mnt/bay*' --wrap-unchecked --label-out device.label`,
		Args: cobra.NoArgs,
	}
	var f sealFlags
	flags := cmd.Flags()
	flags.StringVar(&f.answer, "wrap-answer", "", "the answer of \"sledge site check-wrap\"")
	flags.BoolVar(&f.unchecked, "wrap-unchecked", false, "seal although the site has not confirmed that it can open the data")
	flags.IntSliceVar(&f.absent, "absent", nil, "a bay whose disk is not here; its copy of the load key lives on")
	flags.BoolVar(&f.degraded, "degraded", false, "seal although some packs have lost shards")
	flags.BoolVar(&f.incomplete, "incomplete", false, "seal although a load has not finished")
	flags.StringVar(&f.labelOut, "label-out", "", "where the label is written (default sledge-JOB-DEVICE.label here)")
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) { return a.seal(ctx, &f) })
}

func (a *app) seal(ctx context.Context, f *sealFlags) (report, error) {
	if f.unchecked && f.answer != "" {
		return nil, usagef("--wrap-answer and --wrap-unchecked exclude each other")
	}
	d, err := a.openDevice(false)
	if err != nil {
		return nil, err
	}
	begun := d.SealBegun()
	if err := d.close(); err != nil {
		return nil, err
	}
	if begun {
		return a.finishSeal(f)
	}
	event := firmware.EventSealDone
	if f.incomplete {
		event = firmware.EventLock // a load that has not ended is no hindrance
	}
	w, err := a.openWork(event)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if f.incomplete && w.state.State() == firmware.Loading {
		if err := a.apply(w.state, firmware.EventLoadEnd); err != nil {
			return nil, err
		}
	}
	job, _, err := w.state.job()
	if err != nil {
		return nil, err
	}
	a.warnNoParity(job)
	m := a.meter("seal")
	defer m.end()
	res, err := w.Seal(ctx, appliance.SealOptions{
		Absent: f.absent, WrapAnswer: f.answer, WrapUnchecked: f.unchecked, Degraded: f.degraded, Incomplete: f.incomplete,
		DeviceKey: w.state.Record().Protection, Ledger: w.state, Stage: func(name string) { a.note("seal: %s", name) },
	})
	m.end()
	if err != nil {
		return nil, err
	}
	return a.sealed(w.state, res, f.labelOut)
}

// finishSeal ends a seal whose checkpoint is on record. It needs no load key.
func (a *app) finishSeal(f *sealFlags) (report, error) {
	d, err := a.openDevice(true)
	if err != nil {
		return nil, err
	}
	defer d.close()
	job, file, err := d.job()
	if err != nil {
		return nil, err
	}
	a.warnNoParity(job)
	disks, done, err := a.openMounted(false)
	if err != nil {
		return nil, err
	}
	defer done()
	res, err := appliance.FinishSeal(a.config(d, job, file, disks), d, f.absent)
	if err != nil {
		return nil, err
	}
	return a.sealed(d, res, f.labelOut)
}

// sealed forgets the secret, then changes the state, then gives the label. Each
// is done again by the next seal if a crash comes between.
func (a *app) sealed(d *device, res *appliance.SealResult, labelOut string) (report, error) {
	store, err := firmware.OpenSecrets()
	if err != nil {
		return nil, err
	}
	if err := store.Remove(d.ID()); err != nil {
		return nil, err
	}
	if err := a.apply(d, firmware.EventSealDone); err != nil {
		return nil, err
	}
	if labelOut == "" {
		scope := d.scope()
		labelOut = fmt.Sprintf("sledge-%s-%s.label", scope.Job.String()[:8], scope.Device.String()[:8])
	}
	r := &sealReport{res.Statement, string(res.Label), labelOut, labelOut + ".png"}
	code, err := qr.Encode(r.Label, qr.M)
	if err != nil {
		return r, fmt.Errorf("label as QR code: %w", err)
	}
	err = errors.Join(writeSame(r.LabelFile, res.Label), writeSame(r.QRFile, code.PNG()))
	if err != nil {
		err = hint(fmt.Errorf("the device is sealed, but its label was not written: %w", err), "run sledge seal again with another --label-out")
	}
	return r, err
}

// writeSame writes a new file, or accepts the same one from before.
func writeSame(name string, b []byte) error {
	err := writeNew(name, b, false)
	if have, e := os.ReadFile(name); errors.Is(err, errFileExists) && e == nil && bytes.Equal(have, b) {
		return nil
	}
	return err
}
