package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/verdict"
)

// verifyImportReport is the union of the devices, and each of them.
type verifyImportReport struct {
	Devices     []*auditedDevice        `json:"devices"`
	Missing     []string                `json:"missing"` // devices of the jobs without receipts here
	Target      string                  `json:"target,omitempty"`
	Endpoint    string                  `json:"endpoint,omitempty"` // "" is that of AWS
	By          string                  `json:"by,omitempty"`
	Store       *importer.VerifyReport  `json:"store,omitempty"`   // nil: no object was asked for
	Listing     *importer.ListingReport `json:"listing,omitempty"` // nil: nothing was listed
	Sample      *importer.SampleReport  `json:"sample,omitempty"`
	Proof       string                  `json:"proof,omitempty"` // what has been proven of the content
	Complete    bool                    `json:"complete"`        // of several devices: all devices of the job
	Origin      string                  `json:"origin"`
	Compared    string                  `json:"compared"`                   // of the objects: see compared
	Verdict     *fsck.Verdict           `json:"receipts_verdict,omitempty"` // nil: they were not checked
	Words       string                  `json:"verdict,omitempty"`          // of all, as people read it
	broken      bool                    // the comparison did not come to its end
	Differences []string                `json:"differences,omitempty"` // the first maxDifferences
	found       uint64                  // all of them
	repeated    uint64                  // missing or different by one way of looking, and told by another before
	remedies    []string                // of the differences, each once
}

// Differences that are kept for --json, and shown without it.
const (
	maxDifferences   = 10000
	shownDifferences = 20
)

// sum draws the devices' receipts together: the worst counts.
func (r *verifyImportReport) sum() {
	r.Complete, r.Origin, r.Missing = true, fsck.OriginProven, []string{}
	verdict, checked, here := fsck.VerdictClean, true, map[string]bool{}
	for _, d := range r.Devices {
		if d.ReceiptReport == nil {
			r.Complete, r.Origin, checked = false, fsck.OriginUnproven, false
			continue
		}
		here[d.Manifest.Device] = true
		r.Complete = r.Complete && d.Complete && d.Canceled == nil
		verdict = max(verdict, d.Verdict)
		if d.Manifest.Origin != fsck.OriginProven {
			r.Origin = d.Manifest.Origin
		}
	}
	if checked {
		r.Verdict = &verdict
	}
	for _, d := range r.Devices {
		if d.ReceiptReport == nil {
			continue
		}
		for _, device := range d.JobDevices {
			if !here[device] {
				here[device] = true // name it once
				r.Missing = append(r.Missing, device)
			}
		}
	}
	r.Complete = r.Complete && !r.lacks()
}

// lacks tells whether this is of a job and not all of its devices are here. One
// device by itself is no job.
func (r *verifyImportReport) lacks() bool { return len(r.Devices) > 1 && len(r.Missing) > 0 }

// refused tells whether the receipts do not hold.
func (r *verifyImportReport) refused() bool {
	return r.Verdict != nil && *r.Verdict == fsck.VerdictRefused
}

func (r *verifyImportReport) Print(w io.Writer) {
	for _, d := range r.Devices {
		d.print(w, len(r.Devices) > 1)
	}
	for _, device := range r.Missing {
		fmt.Fprintf(w, "without     device %s of the job: no receipts of it were given\n", device)
	}
	if r.By == "" {
		fmt.Fprintf(w, "store       not asked\n")
	} else {
		r.printObjects(w)
	}
	for i, text := range r.Differences {
		if i == shownDifferences {
			fmt.Fprintf(w, "  … and %d more\n", r.found-shownDifferences)
			break
		}
		fmt.Fprintf(w, "  %s\n", shown(text))
	}
	fmt.Fprintf(w, "verdict     %s, origin %s\n", r.words(), r.Origin)
}

func (r *verifyImportReport) printObjects(w io.Writer) {
	fmt.Fprintf(w, "target      %s\n", verdict.Target(r.Target, r.Endpoint))
	if s := r.Store; s != nil {
		printStore(w, s)
		if s.Parts > 0 {
			fmt.Fprintf(w, "  %s compared one by one\n", plural(s.Parts, "part"))
		}
	}
	if s := r.Sample; s != nil {
		fmt.Fprintf(w, "sample      %s\n            seed %s picks the same objects again\n", s, escape(s.Seed))
	}
	if l := r.Listing; l != nil {
		printListing(w, l)
	}
	fmt.Fprintf(w, "proof       %s\n", r.Proof)
}

// conclude says what the comparison has proven of the objects' content.
func (r *verifyImportReport) conclude() {
	switch {
	case r.Store != nil:
		r.Proof = importer.ProofText(r.Store.Proofs)
	case r.Listing != nil:
		r.Proof = "presence and size only: no content is proven"
	}
}

func printStore(w io.Writer, s *importer.VerifyReport) {
	fmt.Fprintf(w, "store       %d of %s are there and the same, %s\n", s.Same, plural(s.Objects, "object"), size(s.Bytes))
	printCounts(w, s.Missing, s.Different, s.NotCompared)
}

func printCounts(w io.Writer, missing, different, notCompared uint64) {
	for _, c := range []struct {
		name string
		n    uint64
	}{{"missing", missing}, {"different", different}, {"not compared", notCompared}} {
		if c.n > 0 {
			fmt.Fprintf(w, "  %-13s %d\n", c.name, c.n)
		}
	}
}

// printListing says what was compared.
func printListing(w io.Writer, l *importer.ListingReport) {
	taken := "taken at an unknown time"
	switch {
	case !l.Until.IsZero():
		taken = fmt.Sprintf("taken from %s to %s", l.Taken.UTC().Format(time.RFC3339), l.Until.UTC().Format(time.RFC3339))
	case !l.Taken.IsZero():
		taken = "begun at " + l.Taken.UTC().Format(time.RFC3339)
	}
	fmt.Fprintf(w, "listing     %s, %s: %s below the prefix\n", l.Source, taken, plural(l.Listed, "object"))
	fmt.Fprintf(w, "  of %s that the receipts name %d are there with their size, %d of these with their kind of checksum\n",
		plural(l.Objects, "object"), l.Same, l.Kinds)
	printCounts(w, l.Missing, l.Different, l.NotCompared)
	if l.Extra > 0 {
		fmt.Fprintf(w, "  %-13s %d\n", "extra", l.Extra)
	}
	if l.Ours > 0 {
		fmt.Fprintf(w, "  %-13s %d, of sledge's own: %s… and commit markers that were named\n", "reserved", l.Ours, target.ReservedPrefix)
	}
}

// print tells of one device; several of them tell their own counts, too.
func (d *auditedDevice) print(w io.Writer, several bool) {
	if several {
		fmt.Fprintf(w, "receipts    %s\n", escape(d.Receipts))
	}
	if d.ReceiptReport == nil {
		fmt.Fprintf(w, "list        %s; no disk was there, so it was believed as it is\n", plural(d.objects, "object"))
	} else {
		fmt.Fprintf(w, "run         %s, signed by importer %s\nreceipts    %s in the log, %d of them read, for %s of the manifest\n", d.Run, d.Importer, plural(d.LogSize, "line"), d.Lines, plural(d.Pages, "page"))
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
	if several && d.Store != nil {
		printStore(w, d.Store)
	}
	if several && d.Listing != nil {
		fmt.Fprintf(w, "listed      %d of %s are there with their size\n", d.Listing.Same, plural(d.Listing.Objects, "object"))
	}
}

// end is the whole verdict as an error: receipts that do not hold first, then
// objects that are not there, then what the import itself left open, then extras.
func (r *verifyImportReport) end() error {
	for _, d := range r.Devices {
		if err := d.proven(); err != nil {
			return err
		}
	}
	if err := r.objects(); err != nil {
		return err
	}
	for _, d := range r.Devices {
		if err := d.imported(); err != nil {
			return err
		}
	}
	if r.lacks() {
		return hint(fmt.Errorf("%w: no receipts of %s of the job", errObjects, plural(len(r.Missing), "device")), "name their receipts folders, too, or look at each device by itself")
	}
	if l := r.Listing; l != nil && l.Extra > 0 {
		return fmt.Errorf("%w: %s", errExtras, plural(l.Extra, "object"))
	}
	for _, d := range r.Devices {
		if err := d.elsewhere(); err != nil {
			return err
		}
		if d.ReceiptReport == nil {
			return hint(fmt.Errorf("%w: the lists were not held against a manifest", errUnproven), "name one disk of each device, and the job signer's key: --disk /mnt/bay0 --trust signer.pub")
		}
		if n := d.Outcomes["skipped"]; n > 0 {
			return hint(fmt.Errorf("%w: %s", errSkipped, plural(n, "entry")), "the loader had to skip them; they are named in objects.list")
		}
	}
	return nil
}

// proven is the verdict of the chain from the job's signer to the list.
func (d *auditedDevice) proven() error {
	if d.ReceiptReport == nil {
		return nil
	}
	if d.Verdict == fsck.VerdictLost && d.Manifest.Verdict != fsck.VerdictLost {
		return nil // of the import, not of the disks: imported tells
	}
	return verdictError(d.Verdict, d.Manifest.Origin, append(slices.Clone(d.Findings), d.Manifest.Findings...))
}

// imported is what the import itself left open.
func (d *auditedDevice) imported() error {
	switch r := d.ReceiptReport; {
	case d.Canceled != nil:
		return canceledError(d.Receipts, d.Canceled)
	case r == nil:
		return nil
	case r.Outcomes["failed"] > 0, r.Outcomes["conflict"] > 0, r.Verdict == fsck.VerdictLost:
		return hint(fmt.Errorf("%w: the receipts say %d failed, %s", errObjects, r.Outcomes["failed"], plural(r.Outcomes["conflict"], "conflict")),
			"objects.list beside the receipts names them; the same sledge import run tries them again")
	case !r.Complete:
		return hint(fmt.Errorf("%w: the receipts are not complete", errObjects), "ask the importer: \"sledge import report\" names what is missing, and why")
	}
	return nil
}

// objects is what is wrong with the objects.
func (r *verifyImportReport) objects() error {
	var wrong, silent uint64
	if s := r.Store; s != nil {
		wrong, silent = s.Missing+s.Different, s.NotCompared
	}
	if l := r.Listing; l != nil {
		wrong, silent = wrong+l.Missing+l.Different, silent+l.NotCompared
	}
	wrong -= min(wrong, r.repeated)
	err := error(nil)
	switch {
	case wrong > 0:
		err = fmt.Errorf("%w: %s", errObjects, plural(wrong, "difference"))
	case silent > 0 && r.Store != nil && r.Store.NotCompared > 0:
		return fmt.Errorf("%w: no answer about %s", errTarget, plural(r.Store.NotCompared, "object"))
	case silent > 0:
		err = fmt.Errorf("%w: %s not compared", errObjects, plural(silent, "object"))
	}
	if err != nil && len(r.remedies) > 0 {
		return &hinted{Err: err, Hints: r.remedies}
	}
	return err
}

func asTargetError(err error) error {
	var e *target.Error
	if errors.As(err, &e) {
		return targetError(e)
	}
	return err
}
