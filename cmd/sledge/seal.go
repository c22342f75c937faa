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
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/manifest"
)

type sealReport struct {
	Statement   manifest.SealStatement `json:"statement"`
	Label       string                 `json:"label"`
	LabelFile   string                 `json:"label_file"`
	QRFile      string                 `json:"label_qr_file"`
	Fingerprint string                 `json:"label_fingerprint"`
	again       bool                   // the device was sealed before
	lost        bool                   // the label could not be written
}

func (r *sealReport) Print(w io.Writer) {
	s := r.Statement
	what := "sealed"
	if r.again {
		what = "sealed already, the label again"
	}
	fmt.Fprintf(w, "%s: job %s, device %s, generation %d\nsigned log of %s, recovery %s, device key: %s\n", what, s.Job, s.Device, s.Generation, plural(s.LogSize, "line"), s.Recovery, s.DeviceKey)
	printIf(w, s.WrapCheck == "unchecked", "the site has NOT confirmed that it can open this data; do not delete the source before it was imported\n")
	printIf(w, s.SharedDisks, "bays shared a disk: one failure may have taken several of them\n")
	printIf(w, len(s.Filesystems) > 0, "disks were allowed on %s\n", escape(strings.Join(s.Filesystems, ", ")))
	if s.ReadBack != manifest.ReadBackAll && s.ReadBack != "" {
		what := "the index, and a last sample of each disk" // every pack was
		if s.UnreadPacks > 0 {
			what = plural(s.UnreadPacks, "pack")
		}
		fmt.Fprintf(w, "NEVER READ BACK from the disks (--unverified): %s; nobody knows whether all of it is there: do not delete the source before it was imported\n", what)
	}
	printIf(w, !s.ScanComplete, "the source was NOT loaded whole: do not delete what is not in the manifest\n")
	printIf(w, s.Degraded > 0, "degraded: %s with lost shards\n", plural(s.Degraded, "pack"))
	printIf(w, len(s.AbsentBays) > 0, "absent: %s; what is there of the load key lives on, with the unlock code it opens this data\n", namedBays(s.AbsentBays))
	printIf(w, len(s.ReplacedBays) > 0, "replaced: the first disk of %s; what is there of the load key lives on, with the unlock code it opens this data: destroy what was taken out\n", namedBays(s.ReplacedBays))
	printIf(w, len(s.LeftBays) > 0, "left after the seal had begun: %s; what is there of the load key lives on, with the unlock code it opens this data\n", namedBays(s.LeftBays))
	printIf(w, len(s.NotErased) > 0, "disks on %s may keep what is overwritten: with the unlock code, who has them can open this data\n", escape(strings.Join(s.NotErased, ", ")))
	printIf(w, !r.again, "the unlock code has done its work: destroy the paper before the disks leave\n")
	if r.lost {
		return
	}
	fmt.Fprintf(w, "\nlabel        %s\nas QR code   %s\nfingerprint  %s\n", escape(placeOf(r.LabelFile)), escape(placeOf(r.QRFile)), r.Fingerprint)
	fmt.Fprintf(w, "\nSend the label file to the data centre by another way than the disks; \"sledge receive\"\nshows the same fingerprint there. Put a print of the QR code into the parcel.\n")
}

type sealFlags struct {
	absent                          []int
	answer, labelOut, job           string
	unchecked, degraded, incomplete bool
	unverified                      bool
}

func (a *app) sealCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seal",
		Short: "finish a device: after it the field can neither load nor read",
		Long: `Write the manifest, sign its checkpoint, and destroy the wrap of the load key that the
unlock code opens. From then on nothing can be added, and nobody in the field can read
the data. The label says what was sealed. It is written to a file, and to a QR code
beside it. The importer needs it, by another way than the disks.

What was never read back from the disks is read first, which may take long. "sledge scrub
--read-back" does it before; --unverified leaves it out, and the statement says so.

After an interruption the same command goes on. On a sealed device it gives the label
again, also without the disks, and with --job that of an earlier job.`,
		Example: `  sledge status --disk '/mnt/bay*' --wrap-check device.wrapcheck   # send it to the data centre
  sledge seal --disk '/mnt/bay*' --wrap-answer 7K3QX-9M2PA
  sledge seal --disk '/mnt/bay*' --wrap-unchecked --label-out device.label
  sledge seal --job 5f0c2b7e9d4a4a1c8e6f3b2a1d0c9e8f   # the label of an earlier job`,
	}
	var f sealFlags
	flags := cmd.Flags()
	flags.StringVar(&f.answer, "wrap-answer", "", "the `ANSWER` of the data centre to the wrap check (sledge site check-wrap)")
	flags.BoolVar(&f.unchecked, "wrap-unchecked", false, "seal although the site has not confirmed that it can open the data")
	flags.IntSliceVar(&f.absent, "absent", nil, "a `BAY` whose disk is not here; its copy of the load key lives on")
	flags.BoolVar(&f.degraded, "degraded", false, "seal although some packs have lost shards")
	flags.BoolVar(&f.incomplete, "incomplete", false, "seal although a load has not finished")
	flags.BoolVar(&f.unverified, "unverified", false, "seal without reading back from the disks what was not read back yet")
	flags.StringVar(&f.labelOut, "label-out", "", "write the label to this `FILE` (default sledge-JOB-DEVICE.label here)")
	flags.StringVar(&f.job, "job", "", "only give the label of this `JOB` again, which was sealed on this device before")
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
	begun, again := d.SealBegun(), f.job
	if _, err := a.diskPaths(); again == "" && d.State() == firmware.Sealed && errors.Is(err, errNoDisks) {
		again = d.Record().Job.String() // its label needs no disks
	}
	if again != "" {
		defer d.close()
		return a.labelAgain(d, again, f.labelOut)
	}
	if err := d.close(); err != nil {
		return nil, err
	}
	if begun {
		return a.finishSeal(ctx, f)
	}
	// In every state that has a secret: whether a load is unfinished, the disks tell.
	w, err := a.openWork(firmware.EventLock)
	if err != nil {
		return nil, err
	}
	defer w.close()
	job, _, err := w.state.job()
	if err != nil {
		return nil, err
	}
	a.warnNoParity(job)
	m := a.meter("seal")
	defer m.End()
	o := sealOptions(w, f, func(name string) { a.note("seal: %s", name) })
	o.ReadBack = func(done, total int64) { m.Tell(progress.Sample{Phase: "read back", Bytes: done, TotalBytes: total}) }
	o.Finish = finishProgress(m)
	res, err := w.Seal(ctx, o)
	m.End()
	if err != nil {
		return nil, err
	}
	r, err := a.sealed(w.state, res, f.labelOut)
	return r, errors.Join(err, sealedWithout(res.Statement, firmware.SealCounts{Skipped: res.Totals.Skipped, Remarked: res.Remarked, GivenUp: res.GivenUp}))
}

// finishProgress shows the bytes that a seal's end writes again and reads.
func finishProgress(m *progress.Meter) func(done, total int64) {
	return func(done, total int64) {
		m.Tell(progress.Sample{Phase: "complete the disks", Bytes: done, TotalBytes: total})
	}
}

func sealOptions(w *work, f *sealFlags, stage func(name string)) seal.Options {
	return seal.Options{
		Unverified: f.unverified, Absent: f.absent, WrapAnswer: f.answer, WrapUnchecked: f.unchecked, Degraded: f.degraded, Incomplete: f.incomplete,
		DeviceKey: w.state.Record().Protection, Ledger: w.state, Stage: stage,
		Counted: func(skipped, remarked, givenUp uint64) error {
			return w.state.KeepSealCounts(firmware.SealCounts{Skipped: skipped, Remarked: remarked, GivenUp: givenUp})
		},
	}
}

// sealedWithout says what the source had and the device has not, or has in an older
// version. What an unfinished load never reached (--incomplete) nobody has counted.
func sealedWithout(s manifest.SealStatement, c firmware.SealCounts) (err error) {
	if n := c.GivenUp; n == 0 && !s.ScanComplete {
		err = hint(fmt.Errorf("%w: the source was not loaded whole, as the statement says", errSealedWithout),
			"what is missing is named nowhere: keep the source, tell the data centre, and load the source again onto another device or for a new job")
	} else if n > 0 {
		err = fmt.Errorf("%w: not on the device, of loads that were given up: %s", errSealedWithout, plural(n, "entry"))
	}
	if n := c.Skipped; n > 0 {
		err = errors.Join(err, fmt.Errorf("%w: not on the device, could not be read: %s", errSealedWithout, plural(n, "entry")))
	}
	if n := c.Remarked; n > 0 {
		err = errors.Join(err, fmt.Errorf("%w: a good version is on the device, and a later look failed or was doubtful: %s", errSealedWithout, plural(n, "entry")))
	}
	return err
}

// finishSeal ends a seal whose checkpoint is on record. It needs no load key.
func (a *app) finishSeal(ctx context.Context, f *sealFlags) (report, error) {
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
	m := a.meter("seal")
	defer m.End()
	res, err := appliance.FinishSeal(ctx, a.config(d, job, file, disks), d, seal.FinishOptions{Absent: f.absent, Progress: finishProgress(m)})
	m.End()
	if err != nil {
		return nil, err
	}
	r, err := a.sealed(d, res, f.labelOut)
	counts, errCounts := d.SealCounts()
	return r, errors.Join(err, errCounts, sealedWithout(res.Statement, counts))
}

// sealed forgets the secret, keeps the label, then changes the state, then gives the
// label. Each is done again by the next seal if a crash comes between.
func (a *app) sealed(d *device, res *seal.Result, labelOut string) (report, error) {
	again := d.State() == firmware.Sealed
	// A copy of another session does not stop the seal, which has been signed.
	stays := a.forget(d)
	if stays != nil && !errors.Is(stays, firmware.ErrSecretElsewhere) {
		return nil, stays
	}
	if err := d.KeepLabel(d.Record().Job, res.Label); err != nil {
		return nil, err
	}
	if err := a.apply(d, firmware.EventSealDone); err != nil {
		return nil, err
	}
	r := &sealReport{Statement: res.Statement, Label: string(res.Label), Fingerprint: labelFingerprint(res.Label), again: again}
	var err error
	r.LabelFile, r.QRFile, err = writeLabel(res.Label, d.scope(), labelOut)
	r.lost = err != nil
	return r, errors.Join(err, stays, a.recordSeal(d, res))
}

// writeLabel gives the label as text and as QR code.
func writeLabel(label []byte, scope manifest.Scope, out string) (text, code string, err error) {
	if out == "" {
		out = fmt.Sprintf("sledge-%s-%s.label", scope.Job.String()[:8], scope.Device.String()[:8])
	}
	text, code = out, out+".png"
	square, err := qr.Encode(string(label), qr.M)
	if err != nil {
		return text, code, fmt.Errorf("label as QR code: %w", err)
	}
	err = errors.Join(writeSame(text, label), writeSame(code, square.PNG()))
	if err != nil {
		err = hint(fmt.Errorf("the device is sealed, but its label was not written: %w", err), "give the label another place: sledge seal --label-out FILE")
	}
	return text, code, err
}

// writeSame writes a new file, or accepts the same one from before.
func writeSame(name string, b []byte) error {
	err := files.WriteNew(name, b, false)
	if have, e := os.ReadFile(name); errors.Is(err, files.ErrExists) && e == nil && bytes.Equal(have, b) {
		return nil
	}
	return err
}
