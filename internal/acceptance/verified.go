package acceptance

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
)

// Verified is the verifier's report of an acceptance, for people and for programs.
type Verified struct {
	*fsck.AcceptanceReport
	NotCompared int `json:"not_compared"` // devices whose receipts were not given
}

func (r *Verified) Print(w io.Writer) {
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
		if i == ShownUnproven {
			break
		}
		item := Unproven{Kind: KindPath, Name: e.Path, Outcome: e.Outcome, Error: e.Error}
		fmt.Fprintf(w, "waived      %s\n", item.Text())
	}
	if shown := min(len(d.Entries), ShownUnproven); d.Waived > shown {
		fmt.Fprintf(w, "waived      %s without a name here\n", terminal.Plural(d.Waived-shown, "entry"))
	}
}

// NewVerified counts what was not compared.
func NewVerified(r *fsck.AcceptanceReport) *Verified {
	return &Verified{r, withoutReceipts(r)}
}

// End is the verdict as an error.
func (r *Verified) End() error {
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
