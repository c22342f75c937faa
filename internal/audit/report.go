package audit

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/sample"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
)

// Report is the union of the devices, and each of them.
type Report struct {
	Devices     []*Device      `json:"devices"`
	Missing     []string       `json:"missing"` // devices of the jobs without receipts here
	Target      string         `json:"target,omitempty"`
	Endpoint    string         `json:"endpoint,omitempty"` // "" is that of AWS
	By          string         `json:"by,omitempty"`
	Store       *ObjectReport  `json:"store,omitempty"`   // nil: no object was asked for
	Listing     *ListingReport `json:"listing,omitempty"` // nil: nothing was listed
	Sample      *sample.Report `json:"sample,omitempty"`
	Proof       string         `json:"proof,omitempty"` // what has been proven of the content
	Complete    bool           `json:"complete"`        // of several devices: all devices of the job
	Origin      string         `json:"origin"`
	Compared    string         `json:"compared"`                   // of the objects: see compared
	Verdict     *fsck.Verdict  `json:"receipts_verdict,omitempty"` // nil: they were not checked
	Words       string         `json:"verdict,omitempty"`          // of all, as people read it
	broken      bool           // the comparison did not come to its end
	Differences []string       `json:"differences,omitempty"` // the first maxDifferences
	found       uint64         // all of them
	repeated    uint64         // missing or different by one way of looking, and told by another before
	remedies    []string       // of the differences, each once
}

var (
	// ErrObjects: objects are missing, different, not compared, or not proven.
	ErrObjects = verdict.ErrObjects
	// ErrTarget: the target, or what leads to it, needs somebody.
	ErrTarget = errors.New("the import stopped")
	// ErrExtras: there is more than the receipts name.
	ErrExtras = errors.New("objects that no receipt names are below the prefix")
	// ErrSkipped: the loader could not take all of its source.
	ErrSkipped = keyless.ErrSkipped
	// ErrOtherTarget: the objects are not where the job says.
	ErrOtherTarget = keyless.ErrOtherTarget
)

// Differences that are kept for --json, and shown without it.
const (
	maxDifferences   = 10000
	shownDifferences = 20
)

// own is the device's receipts, without the store.
func (d *Device) own() *keyless.Device {
	return &keyless.Device{Receipts: d.Receipts, ReceiptReport: d.ReceiptReport, Canceled: (*keyless.Mark)(d.Canceled), Elsewhere: d.other}
}

// Sum draws the devices' receipts together: the worst counts.
func (r *Report) Sum() {
	s := r.sum()
	r.Complete, r.Origin, r.Verdict, r.Missing = s.Complete, s.Origin, s.Verdict, s.Missing
}

func (r *Report) sum() keyless.Sum {
	var own []*keyless.Device
	for _, d := range r.Devices {
		own = append(own, d.own())
	}
	return keyless.SumOf(own)
}

// Refused reports whether the receipts do not hold.
func (r *Report) Refused() bool {
	return r.Verdict != nil && *r.Verdict == fsck.VerdictRefused
}

func (r *Report) Print(w io.Writer) {
	for _, d := range r.Devices {
		d.print(w, len(r.Devices) > 1)
	}
	keyless.PrintMissing(w, r.Missing)
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
		fmt.Fprintf(w, "  %s\n", terminal.Shown(text))
	}
	fmt.Fprintf(w, "verdict     %s, origin %s\n", r.words(), r.Origin)
}

func (r *Report) printObjects(w io.Writer) {
	fmt.Fprintf(w, "target      %s\n", verdict.Target(r.Target, r.Endpoint))
	if s := r.Store; s != nil {
		printStore(w, s)
		terminal.PrintIf(w, s.Parts > 0, "  %s compared one by one\n", terminal.Plural(s.Parts, "part"))
	}
	if s := r.Sample; s != nil {
		fmt.Fprintf(w, "sample      %s\n            seed %s picks the same objects again\n", s, terminal.Escape(s.Seed))
	}
	if l := r.Listing; l != nil {
		printListing(w, l)
	}
	fmt.Fprintf(w, "proof       %s\n", r.Proof)
}

// prove says what the comparison has proven of the objects' content.
func (r *Report) prove() {
	switch {
	case r.Store != nil:
		r.Proof = ProofText(r.Store.Proofs)
	case r.Listing != nil:
		r.Proof = "presence and size only: no content is proven"
	}
}

func printStore(w io.Writer, s *ObjectReport) {
	fmt.Fprintf(w, "store       %d of %s are there and the same, %s\n", s.Same, terminal.Plural(s.Objects, "object"), terminal.Size(s.Bytes))
	printCounts(w, s.Missing, s.Different, s.NotCompared)
}

func printCounts(w io.Writer, missing, different, notCompared uint64) {
	for _, c := range []struct {
		name string
		n    uint64
	}{{"missing", missing}, {"different", different}, {"not compared", notCompared}} {
		terminal.PrintIf(w, c.n > 0, "  %-13s %d\n", c.name, c.n)
	}
}

// printListing says what was compared.
func printListing(w io.Writer, l *ListingReport) {
	taken := "taken at an unknown time"
	switch {
	case !l.Until.IsZero():
		taken = fmt.Sprintf("taken from %s to %s", l.Taken.UTC().Format(time.RFC3339), l.Until.UTC().Format(time.RFC3339))
	case !l.Taken.IsZero():
		taken = "begun at " + l.Taken.UTC().Format(time.RFC3339)
	}
	fmt.Fprintf(w, "listing     %s, %s: %s below the prefix\n", l.Source, taken, terminal.Plural(l.Listed, "object"))
	fmt.Fprintf(w, "  of %s that the receipts name %d are there with their size, %d of these with their kind of checksum\n",
		terminal.Plural(l.Objects, "object"), l.Same, l.Kinds)
	printCounts(w, l.Missing, l.Different, l.NotCompared)
	terminal.PrintIf(w, l.Extra > 0, "  %-13s %d\n", "extra", l.Extra)
	terminal.PrintIf(w, l.Ours > 0, "  %-13s %d, of sledge's own: %s… and commit markers that were named\n", "reserved", l.Ours, target.ReservedPrefix)
}

// print tells of one device; several of them tell their own counts, too.
func (d *Device) print(w io.Writer, several bool) {
	terminal.PrintIf(w, several, "receipts    %s\n", terminal.Escape(d.Receipts))
	if d.ReceiptReport == nil {
		fmt.Fprintf(w, "list        %s; no disk was there, so it was believed as it is\n", terminal.Plural(d.objects, "object"))
	} else {
		d.own().Print(w)
	}
	if several && d.Store != nil {
		printStore(w, d.Store)
	}
	if several && d.Listing != nil {
		fmt.Fprintf(w, "listed      %d of %s are there with their size\n", d.Listing.Same, terminal.Plural(d.Listing.Objects, "object"))
	}
}

// End is the whole verdict as an error: receipts that do not hold first, then
// objects that are not there, then what the import itself left open, then extras.
func (r *Report) End() error {
	for _, d := range r.Devices {
		if err := d.Proven(); err != nil {
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
	if len(r.Devices) > 1 && len(r.Missing) > 0 {
		return keyless.LacksError(r.Missing)
	}
	if l := r.Listing; l != nil && l.Extra > 0 {
		return fmt.Errorf("%w: %s", ErrExtras, terminal.Plural(l.Extra, "object"))
	}
	for _, d := range r.Devices {
		if err := d.own().Unsettled(); err != nil {
			return err
		}
	}
	return nil
}

// Proven is the verdict of the chain from the job's signer to the list.
func (d *Device) Proven() error { return d.own().Proven() }

// imported is what the import itself left open.
func (d *Device) imported() error { return d.own().Imported() }

// objects is what is wrong with the objects.
func (r *Report) objects() error {
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
		err = fmt.Errorf("%w: %s", ErrObjects, terminal.Plural(wrong, "difference"))
	case silent > 0 && r.Store != nil && r.Store.NotCompared > 0:
		return fmt.Errorf("%w: no answer about %s", ErrTarget, terminal.Plural(r.Store.NotCompared, "object"))
	case silent > 0:
		err = fmt.Errorf("%w: %s not compared", ErrObjects, terminal.Plural(silent, "object"))
	}
	if err != nil && len(r.remedies) > 0 {
		return &advice.Hinted{Err: err, Hints: r.remedies}
	}
	return err
}
