package keyless

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
	"github.com/sledge-io/sledge/internal/vfs"
)

// shownWaived is how many waived entries the text names.
const shownWaived = 100

// Accepted is the verifier's report of an acceptance, for people and for programs.
type Accepted struct {
	*fsck.AcceptanceReport
	NotCompared int `json:"not_compared"` // devices whose receipts were not given
}

func (r *Accepted) Print(w io.Writer) {
	terminal.PrintIf(w, r.Job != "", "job         %s, serial %d\naccepted    %s, by acceptor %s\n", r.Job, r.JobSerial, r.Accepted.Format(time.RFC3339), r.Acceptor)
	terminal.PrintIf(w, r.Note != "", "note        %s\n", terminal.Escape(r.Note))
	for i := range r.Devices {
		printAccepted(w, &r.Devices[i])
	}
	for _, device := range r.Absent {
		fmt.Fprintf(w, "without     device %s\n", device)
	}
	verdict.PrintFindings(w, r.Findings)
	words := fmt.Sprint(r.Verdict)
	if r.NotCompared > 0 && r.Verdict == fsck.VerdictClean {
		words = fmt.Sprintf("statement clean, receipts of %s not compared", terminal.Plural(r.NotCompared, "device"))
	}
	fmt.Fprintf(w, "verdict     %s, origin %s\n", words, r.Origin)
}

func printAccepted(w io.Writer, d *fsck.AcceptedDevice) {
	receipts := "receipts not given"
	if d.Receipts != "" {
		receipts = "receipts " + terminal.Escape(d.Receipts)
	}
	label := "label " + d.Label + " by the acceptor"
	if d.LabelHere {
		label += ", and checked here"
	}
	fmt.Fprintf(w, "device      %s, generation %d, run %s, %s; %s, manifest %s\n", d.Device, d.Generation, terminal.Escape(d.Run), label, receipts, d.Manifest)
	fmt.Fprintf(w, "  target        %s\n", verdict.Target(d.Target, d.Endpoint))
	if d.EntryCounts != nil {
		verdict.PrintOutcomes(w, d.EntryCounts)
	} else {
		verdict.PrintOutcomes(w, d.Outcomes)
		fmt.Fprintf(w, "  these are lines of the list, of which a long entry has several no-object ones; with its receipts entries are counted\n")
	}
	for _, kind := range slices.Sorted(maps.Keys(d.LeftOut)) {
		fmt.Fprintf(w, "waived      left-out %s: %s, by the importer's own rules\n", terminal.Escape(kind), terminal.Plural(d.LeftOut[kind], "entry"))
	}
	for i, e := range d.Entries {
		if i == shownWaived {
			break
		}
		fmt.Fprintf(w, "waived      %s\n", verdict.PathText("path", e.Path, e.Outcome, e.Error))
	}
	if shown := min(len(d.Entries), shownWaived); d.Waived > shown {
		fmt.Fprintf(w, "waived      %s without a name here\n", terminal.Plural(d.Waived-shown, "entry"))
	}
}

// newAccepted counts what was not compared.
func newAccepted(r *fsck.AcceptanceReport) *Accepted {
	return &Accepted{r, withoutReceipts(r)}
}

// End is the verdict as an error.
func (r *Accepted) End() error {
	if r.Verdict == fsck.VerdictRefused {
		return advice.Hint(verdict.Error(r.Verdict, r.Origin, r.Findings), "do not rely on this acceptance; ask the acceptor for what he signed, and for the receipts that he saw")
	}
	if err := verdict.Error(r.Verdict, r.Origin, r.Findings); err != nil {
		return err
	}
	if n := r.NotCompared; n > 0 {
		return advice.Hint(fmt.Errorf("%w: the receipts of %s were not given", verdict.ErrObjects, terminal.Plural(n, "device")), "name the receipts folder of every accepted device")
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

// Acceptance is the verb for a job's acceptance.
func Acceptance() *Verb {
	var trust string
	var labels []string
	return &Verb{
		Use:   "acceptance FILE [RECEIPTS...]",
		Short: "check a job's acceptance against the receipts",
		Long: `FILE is a statement of "sledge accept". RECEIPTS are the receipts folders of the job's
devices, or the imports' state folders. This proves who accepted what. An acceptor whom
the job names signed it, and it speaks of every device of the job. The receipts are the
accepted ones, whole. What they do not prove is exactly what was waived.

No disk is needed. With any disk of a device it is also checked that the receipts cover
its manifest, which otherwise is the acceptor's word. With its label the accepted
manifest is proven to be the device's last one.`,
		Example: `  sledge verify acceptance acceptance.dsse /srv/import/job1/receipts --trust signer.pub
  sledge verify acceptance acceptance.dsse receipts --trust signer.pub --label device.label --disk /mnt/bay0`,
		Flags: func(flags cmdline.Flags) {
			flags.StringVar(&trust, "trust", "", trustUsage)
			flags.StringArrayVar(&labels, "label", nil, "a device's label file; may be repeated")
		},
		Run: func(ctx context.Context, s *Session, args []string) (cmdline.Report, error) {
			return s.checkAcceptance(ctx, args[0], args[1:], trust, labels)
		},
	}
}

func (s *Session) checkAcceptance(ctx context.Context, name string, dirs []string, trust string, labels []string) (cmdline.Report, error) {
	file, err := files.Read(name, maxStatement)
	if err != nil {
		return nil, err
	}
	if dirs, err = s.Receipts(dirs); err != nil {
		return nil, err
	}
	var texts [][]byte
	for _, name := range labels {
		text, err := readLabel(name)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return s.acceptanceOf(ctx, file, dirs, trust, texts)
}

// acceptanceOf checks an acceptance that was read, with these receipts and labels.
func (s *Session) acceptanceOf(ctx context.Context, file []byte, dirs []string, trust string, labels [][]byte) (cmdline.Report, error) {
	m := s.Meter()
	defer m.End()
	o, done, err := s.acceptanceOptions(trust, labels, m)
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
	rep := newAccepted(r)
	return rep, rep.End()
}

// acceptanceOptions are trust, labels and disks, if any are named.
func (s *Session) acceptanceOptions(trust string, labels [][]byte, m Meter) (fsck.AcceptanceOptions, func(), error) {
	o, done, err := s.Options(Check{Trust: trust}, m)
	if errors.Is(err, ErrNoDisks) {
		done, err = func() {}, nil
	}
	if err != nil {
		return fsck.AcceptanceOptions{}, nil, err
	}
	return fsck.AcceptanceOptions{Options: o, Labels: labels}, done, nil
}
