package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
)

type receiveReport struct {
	Job         string   `json:"job"`
	Device      string   `json:"device"`
	Generation  uint32   `json:"generation"`
	Origin      string   `json:"origin"`
	Label       bool     `json:"label_checked"`
	Fingerprint string   `json:"label_fingerprint,omitempty"`
	Here        []int    `json:"bays_here"`
	Missing     []int    `json:"bays_missing"`
	Needed      int      `json:"disks_needed"`  // of all disks, whichever they are
	Lost        uint64   `json:"packs_missing"` // that those here cannot give back
	Parity      int      `json:"parity"`
	Target      string   `json:"target"`
	Warnings    []string `json:"warnings"`
	Verdict     string   `json:"verdict"` // fit, disks missing, origin not proven; see also refusedArrival
}

func (r *receiveReport) Print(w io.Writer) {
	label := "not given: an older state of the device would look the same"
	if r.Label {
		label = "fits the disks, fingerprint " + r.Fingerprint
	}
	fmt.Fprintf(w, "job         %s\ndevice      %s, generation %d\norigin      %s\nlabel       %s\ndisks       %d here", r.Job, r.Device, r.Generation, r.Origin, label, len(r.Here))
	printIf(w, len(r.Missing) > 0, ", missing %s", namedBays(r.Missing))
	enough := fmt.Sprintf("any %d are enough", r.Needed)
	if len(r.Here) < r.Needed && r.Lost == 0 {
		enough = "these are enough, as what lies on the others is made from them"
	}
	fmt.Fprintf(w, "; %s\ntarget      %s\n", enough, escape(r.Target))
}

func (a *app) receiveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "receive",
		Short: "check in a device that has arrived: its job, its seal, its disks",
		Long: `Verify the chain of a device that has arrived against its label, and say which of
its disks are here and whether they are enough: for every pack, by the log, and with
what the device was sealed without. Data blocks are not read: "sledge verify disks"
does that, and import repairs what it can on the way.`,
		Example: `  sledge receive --site /srv/import-keys --label device.label --disk '/mnt/bay*'
  sledge receive --trust signer.pub --label device.label --disk '/mnt/bay*' --json`,
	}
	var f chainFlags
	var arrival arrivalFlags
	f.add(cmd.Flags())
	arrival.add(cmd.Flags())
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) {
		return a.signArrival(&f, &arrival, func() (report, error) { return a.receive(ctx, &f) })
	})
}

// receive checks a device in by what its disks say.
func (a *app) receive(ctx context.Context, f *chainFlags) (report, error) {
	set, done, err := a.openSet(f)
	if err != nil {
		return a.refusedArrival(f, err)
	}
	defer done()
	fit, err := set.Fit(ctx)
	if err != nil {
		return nil, err
	}
	r := &receiveReport{
		Job: set.Job.ID.String(), Device: set.Scope.Device.String(), Generation: set.Scope.Generation, Origin: originOf(set), Label: set.LabelChecked,
		Needed: fit.Needed, Lost: fit.Lost, Parity: set.Job.Geometry.M, Target: set.Job.Target.URL, Warnings: set.Warnings,
	}
	if text, err := f.labelText(); err == nil && set.LabelChecked {
		r.Fingerprint = labelFingerprint(text)
	}
	here, missing := set.Here()
	r.Here, r.Missing = append([]int{}, here...), append([]int{}, missing...)
	if fit.Lost > 0 {
		r.Verdict = "disks missing"
		return r, fmt.Errorf("%w: at least %d more needed, for %d of %s", appliance.ErrTooFewDisks, fit.More, fit.Lost, plural(fit.Packs, "pack"))
	}
	if err := chainEnd(set, nil); err != nil {
		r.Verdict = "origin not proven"
		return r, err
	}
	r.Verdict = "fit"
	return r, nil
}
