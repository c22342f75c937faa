package keyless

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
)

var (
	// ErrSkipped: the loader could not take all of its source.
	ErrSkipped = errors.New("source entries could not be read")
	// ErrOtherTarget: the objects are not where the job says.
	ErrOtherTarget = errors.New("another target than the job's")
)

// Mark is that of a run that was given up. It is not signed: a reader only becomes more
// careful by it.
type Mark struct {
	Version int       `json:"version"`
	Run     string    `json:"run"`
	At      time.Time `json:"at"`
	Host    string    `json:"host,omitempty"` // that canceled it
	PID     int       `json:"pid,omitempty"`
}

// Device is one device's receipts, and what was found of them.
type Device struct {
	Receipts            string `json:"receipts"` // folder
	*fsck.ReceiptReport        // nil: no disks, the list was believed as it is
	Canceled            *Mark  `json:"canceled,omitempty"` // the run was given up
	Elsewhere           bool   `json:"-"`                  // the objects are in another target than the job's
}

// classOtherTarget is of receipts whose objects went somewhere else than the job says.
const classOtherTarget = "other-target"

// CompareTarget makes it a finding if the signed receipts name another target than the job,
// unless the operator asks for that very one, or the job names none.
func (d *Device) CompareTarget(asked string) {
	if d.ReceiptReport == nil || d.Verdict == fsck.VerdictRefused || d.JobTarget == "" || d.Target == d.JobTarget || asked == d.Target {
		return
	}
	d.Findings = append(d.Findings, fsck.Finding{Severity: fsck.Warning, Class: classOtherTarget, Count: 1,
		Text: fmt.Sprintf("the import went to %s, the job says %s", terminal.Escape(d.Target), terminal.Escape(d.JobTarget))})
	d.Elsewhere = true
}

// Print tells what the receipts are and hold.
func (d *Device) Print(w io.Writer) {
	fmt.Fprintf(w, "run         %s, signed by importer %s\nreceipts    %s in the log, %d of them read, for %s of the manifest\n", d.Run, d.Importer, terminal.Plural(d.LogSize, "line"), d.Lines, terminal.Plural(d.Pages, "page"))
	verdict.PrintEntries(w, d.ReceiptReport)
	complete := "no"
	if d.Canceled != nil {
		complete = "no: the run was canceled"
	} else if d.Complete {
		complete = "yes: every record of the manifest has an outcome, and none failed"
	}
	fmt.Fprintf(w, "complete    %s\n", complete)
	verdict.PrintFindings(w, d.Manifest.Findings)
	verdict.PrintFindings(w, d.Findings)
}

// Proven is the verdict of the chain from the job's signer to the list.
func (d *Device) Proven() error {
	if d.ReceiptReport == nil {
		return nil
	}
	if d.Verdict == fsck.VerdictLost && d.Manifest.Verdict != fsck.VerdictLost {
		return nil // of the import, not of the disks: Imported tells
	}
	return verdict.Error(d.Verdict, d.Manifest.Origin, append(slices.Clone(d.Findings), d.Manifest.Findings...))
}

// Imported is what the import itself left open.
func (d *Device) Imported() error {
	switch r := d.ReceiptReport; {
	case d.Canceled != nil:
		return CanceledError(d.Receipts, d.Canceled.Run)
	case r == nil:
		return nil
	case r.Outcomes["failed"] > 0, r.Outcomes["conflict"] > 0, r.Verdict == fsck.VerdictLost:
		return advice.Hint(fmt.Errorf("%w: the receipts say %d failed, %s", verdict.ErrObjects, r.Outcomes["failed"], terminal.Plural(r.Outcomes["conflict"], "conflict")),
			"objects.list beside the receipts names them; the same sledge import run tries them again")
	case !r.Complete:
		return advice.Hint(fmt.Errorf("%w: the receipts are not complete", verdict.ErrObjects), "ask the importer: \"sledge import report\" names what is missing, and why")
	}
	return nil
}

// CanceledError is that of receipts of a run that was given up.
func CanceledError(receipts, run string) error {
	return advice.Hint(fmt.Errorf("%w: %s: the run %s was canceled", verdict.ErrObjects, receipts, run), "nothing of a canceled run counts: import again with a new --run-id, and verify and accept that run")
}

// Unsettled is what is left to say of a device when everything else is well: the objects went
// somewhere else, nothing was held against a manifest, or the loader had skipped entries.
func (d *Device) Unsettled() error {
	switch {
	case d.Elsewhere:
		return advice.Hint(fmt.Errorf("%w: %s: the import went to %s, the job says %s", ErrOtherTarget, d.Receipts, d.Target, d.JobTarget),
			"ask the importer why; if it was agreed, say so: --target %s", d.Target)
	case d.ReceiptReport == nil:
		return advice.Hint(fmt.Errorf("%w: the lists were not held against a manifest", verdict.ErrUnproven), "name one disk of each device, and the job signer's key: --disk /mnt/bay0 --trust signer.pub")
	}
	if n := d.Outcomes["skipped"]; n > 0 {
		return advice.Hint(fmt.Errorf("%w: %s", ErrSkipped, terminal.Plural(n, "entry")), "the loader had to skip them; they are named in objects.list")
	}
	return nil
}

// Sum is what the receipts of several devices come to: the worst counts.
type Sum struct {
	Complete bool
	Origin   string
	Verdict  *fsck.Verdict // nil: they were not checked
	Missing  []string      // devices of the jobs without receipts here
	Lacks    bool          // these are of a job, and not all of its devices are here
}

// SumOf draws the devices' receipts together. One device by itself is no job.
func SumOf(devices []*Device) Sum {
	s := Sum{Complete: true, Origin: fsck.OriginProven, Missing: []string{}}
	worst, checked := fsck.VerdictClean, true
	var pinned, here []string
	for _, d := range devices {
		if d.ReceiptReport == nil {
			s.Complete, s.Origin, checked = false, fsck.OriginUnproven, false
			continue
		}
		pinned, here = append(pinned, d.JobDevices...), append(here, d.Manifest.Device)
		s.Complete = s.Complete && d.Complete && d.Canceled == nil
		worst = max(worst, d.Verdict)
		if d.Manifest.Origin != fsck.OriginProven {
			s.Origin = d.Manifest.Origin
		}
	}
	if checked {
		s.Verdict = &worst
	}
	for _, id := range pinned {
		if !slices.Contains(here, id) && !slices.Contains(s.Missing, id) {
			s.Missing = append(s.Missing, id)
		}
	}
	s.Lacks = len(devices) > 1 && len(s.Missing) > 0
	s.Complete = s.Complete && !s.Lacks
	return s
}

// LacksError names how many devices of a job have no receipts here.
func LacksError(missing []string) error {
	return advice.Hint(fmt.Errorf("%w: no receipts of %s of the job", verdict.ErrObjects, terminal.Plural(len(missing), "device")), "name their receipts folders, too, or look at each device by itself")
}
