package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
)

type receiveReport struct {
	Job        string   `json:"job"`
	Device     string   `json:"device"`
	Generation uint32   `json:"generation"`
	Origin     string   `json:"origin"`
	Label      bool     `json:"label_checked"`
	Print      string   `json:"label_fingerprint,omitempty"`
	Here       []int    `json:"bays_here"`
	Missing    []int    `json:"bays_missing"`
	Needed     int      `json:"disks_needed"`
	Parity     int      `json:"parity"`
	Target     string   `json:"target"`
	Warnings   []string `json:"warnings"`
	Verdict    string   `json:"verdict"` // fit, disks missing, origin not proven; see also refusedArrival
}

func (r *receiveReport) print(w io.Writer) {
	label := "not given: an older state of the device would look the same"
	if r.Label {
		label = "fits the disks, fingerprint " + r.Print
	}
	fmt.Fprintf(w, "job         %s\ndevice      %s, generation %d\norigin      %s\nlabel       %s\ndisks       %d here", r.Job, r.Device, r.Generation, r.Origin, label, len(r.Here))
	if len(r.Missing) > 0 {
		fmt.Fprintf(w, ", missing %s", namedBays(r.Missing))
	}
	fmt.Fprintf(w, "; any %d are enough\ntarget      %s\n", r.Needed, escape(r.Target))
}

func (a *app) receiveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "receive",
		Short: "check in a device that has arrived: whose it is, which disks are here",
		Long: `Verify the chain of a device that has arrived against its label, and say which of
its disks are here and whether they are enough. Data blocks are not read: "sledge
verify disks" does that, and import repairs what it can on the way.`,
		Example: `  sledge receive --site /srv/import-keys --label device.label --disk '/mnt/bay*'
  sledge receive --trust signer.pub --label device.label --disk '/mnt/bay*' --json`,
	}
	var f chainFlags
	f.add(cmd.Flags())
	return a.verb(cmd, func(context.Context, []string) (report, error) {
		set, done, err := a.openSet(&f)
		if err != nil {
			return a.refusedArrival(&f, err)
		}
		defer done()
		r := &receiveReport{
			Job: set.Job.ID.String(), Device: set.Scope.Device.String(), Generation: set.Scope.Generation, Origin: originOf(set), Label: set.LabelChecked,
			Needed: set.Needed(), Parity: set.Job.Geometry.M, Target: set.Job.Target.URL, Warnings: set.Warnings,
		}
		if text, err := f.labelText(); err == nil && set.LabelChecked {
			r.Print = labelFingerprint(text)
		}
		here, missing := set.Here()
		r.Here, r.Missing = append([]int{}, here...), append([]int{}, missing...)
		if lost := r.Needed - len(r.Here); lost > 0 {
			r.Verdict = "disks missing"
			return r, fmt.Errorf("%w: %d more needed", appliance.ErrTooFewDisks, lost)
		}
		if err := chainEnd(set, nil); err != nil {
			r.Verdict = "origin not proven"
			return r, err
		}
		r.Verdict = "fit"
		return r, nil
	})
}
