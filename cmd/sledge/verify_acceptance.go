package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/acceptance"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/internal/verdict"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

type acceptanceReport struct {
	*fsck.AcceptanceReport
	NotCompared int `json:"not_compared"` // devices whose receipts were not given
}

func (r *acceptanceReport) Print(w io.Writer) {
	printIf(w, r.Job != "", "job         %s, serial %d\naccepted    %s, by acceptor %s\n", r.Job, r.JobSerial, r.Accepted.Format(time.RFC3339), r.Acceptor)
	printIf(w, r.Note != "", "note        %s\n", escape(r.Note))
	for i := range r.Devices {
		printAccepted(w, &r.Devices[i])
	}
	for _, device := range r.Absent {
		fmt.Fprintf(w, "without     device %s\n", device)
	}
	verdict.PrintFindings(w, r.Findings)
	verdict := fmt.Sprint(r.Verdict)
	if r.NotCompared > 0 && r.Verdict == fsck.VerdictClean {
		verdict = fmt.Sprintf("statement clean, receipts of %s not compared", plural(r.NotCompared, "device"))
	}
	fmt.Fprintf(w, "verdict     %s, origin %s\n", verdict, r.Origin)
}

func printAccepted(w io.Writer, d *fsck.AcceptedDevice) {
	receipts := "receipts not given"
	if d.Receipts != "" {
		receipts = "receipts " + escape(d.Receipts)
	}
	label := "label " + d.Label + " by the acceptor"
	if d.LabelHere {
		label += ", and checked here"
	}
	fmt.Fprintf(w, "device      %s, generation %d, run %s, %s; %s, manifest %s\n", d.Device, d.Generation, escape(d.Run), label, receipts, d.Manifest)
	fmt.Fprintf(w, "  target        %s\n", verdict.Target(d.Target, d.Endpoint))
	if d.EntryCounts != nil {
		verdict.PrintOutcomes(w, d.EntryCounts)
	} else {
		verdict.PrintOutcomes(w, d.Outcomes)
		fmt.Fprintf(w, "  these are lines of the list, of which a long entry has several no-object ones; with its receipts entries are counted\n")
	}
	for _, kind := range slices.Sorted(maps.Keys(d.LeftOut)) {
		fmt.Fprintf(w, "waived      left-out %s: %s, by the importer's own rules\n", escape(kind), plural(d.LeftOut[kind], "entry"))
	}
	for i, e := range d.Entries {
		if i == acceptance.ShownUnproven {
			break
		}
		item := acceptance.Unproven{Kind: acceptance.KindPath, Name: e.Path, Outcome: e.Outcome, Error: e.Error}
		fmt.Fprintf(w, "waived      %s\n", item.Text())
	}
	if shown := min(len(d.Entries), acceptance.ShownUnproven); d.Waived > shown {
		fmt.Fprintf(w, "waived      %s without a name here\n", plural(d.Waived-shown, "entry"))
	}
}

func (a *app) verifyAcceptance() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "acceptance FILE [RECEIPTS...]",
		Short: "check a job's acceptance against the receipts",
		Long: `FILE is a statement of "sledge accept", RECEIPTS are the receipts folders of the
job's devices, or the imports' state folders. This proves who accepted what: that an
acceptor whom the job names signed it, that it speaks of every device of the job,
that the receipts are the accepted ones, whole, and that what they do not prove is
exactly what was waived. Disks are not needed. With a device's disks, or any one of
them, it is also checked that the receipts cover its manifest, which otherwise is the
acceptor's word. A label needs no disk: it says that the accepted manifest is the
device's last one.`,
		Example: `  sledge verify acceptance acceptance.dsse /srv/import/job1/receipts --trust signer.pub
  sledge verify acceptance acceptance.dsse receipts --trust signer.pub --label device.label --disk /mnt/bay0`,
	}
	trust := cmd.Flags().String("trust", "", "the job signer's public key (signer.pub) or fingerprint (sha256:…), known by another way")
	labels := cmd.Flags().StringArray("label", nil, "a device's label file; may be repeated")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		return a.checkAcceptance(ctx, args[0], args[1:], *trust, *labels)
	})
}

func (a *app) checkAcceptance(ctx context.Context, name string, dirs []string, trust string, labels []string) (report, error) {
	file, err := files.Read(name, manifest.MaxStatement)
	if err != nil {
		return nil, err
	}
	if dirs, err = statefolder.Receipts(dirs, a.telling()); err != nil {
		return nil, err
	}
	m := a.meter("verify")
	defer m.End()
	o, done, err := a.acceptanceOptions(trust, labels, m)
	if err != nil {
		return nil, err
	}
	defer done()
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, fmt.Errorf("receipts: %w", err)
		}
		defer root.Close()
		o.Receipts = append(o.Receipts, fsck.Receipts{Name: dir, FS: vfs.Plain(root)})
	}
	r, err := fsck.VerifyAcceptance(ctx, file, o)
	m.End()
	if err != nil {
		return nil, err
	}
	rep := &acceptanceReport{r, withoutReceipts(r)}
	return rep, acceptanceError(r)
}

// acceptanceOptions are trust, labels and disks, if any are named.
func (a *app) acceptanceOptions(trust string, labels []string, m *progress.Meter) (fsck.AcceptanceOptions, func(), error) {
	o, done, err := a.fsckOptions(&chainFlags{trust: trust}, m)
	if errors.Is(err, errNoDisks) {
		done, err = func() {}, nil
	}
	if err != nil {
		return fsck.AcceptanceOptions{}, nil, err
	}
	all := fsck.AcceptanceOptions{Options: o}
	for _, name := range labels {
		text, err := files.Read(name, manifest.MaxCheckpoint)
		if err != nil {
			done()
			return all, nil, err
		}
		all.Labels = append(all.Labels, text)
	}
	return all, done, nil
}

func acceptanceError(r *fsck.AcceptanceReport) error {
	if r.Verdict == fsck.VerdictRefused {
		return hint(verdictError(r.Verdict, r.Origin, r.Findings), "do not rely on this acceptance; ask the acceptor for what he signed, and for the receipts that he saw")
	}
	if err := verdictError(r.Verdict, r.Origin, r.Findings); err != nil {
		return err
	}
	if n := withoutReceipts(r); n > 0 {
		return hint(fmt.Errorf("%w: the receipts of %s were not given", errObjects, plural(n, "device")), "name the receipts folder of every accepted device")
	}
	return nil
}

// withoutReceipts counts the accepted devices whose receipts were not given.
func withoutReceipts(r *fsck.AcceptanceReport) (n int) {
	for i := range r.Devices {
		if r.Devices[i].Receipts == "" {
			n++
		}
	}
	return n
}
