package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/internal/delivery/union"
	"github.com/sledge-io/sledge/internal/files"
)

// importAllReport is what several devices of a job have come to.
type importAllReport struct {
	Job      string         `json:"job"`
	Target   string         `json:"target"`
	State    string         `json:"state"` // each device has a folder in it
	DryRun   bool           `json:"dry_run"`
	Parallel int            `json:"parallel"` // devices at once
	Devices  []deviceImport `json:"devices"`
	Missing  []string       `json:"missing"` // devices of the job
	Union    importUnion    `json:"union"`

	planned *plannedUnion // of a plan
}

// deviceImport is one device's part.
type deviceImport struct {
	Device      string        `json:"device"`
	Disks       []string      `json:"disks"`
	OK          bool          `json:"ok"`
	Exit        int           `json:"exit"`
	Class       string        `json:"class"`
	Error       string        `json:"error,omitempty"`
	Whole       bool          `json:"whole"` // all that it holds is proven
	ScanEntries uint64        `json:"scan_entries"`
	ScanBytes   uint64        `json:"scan_bytes"`
	Import      *importReport `json:"import,omitempty"` // none: nothing was begun
}

// importUnion is the sum. Objects and bytes count a key of several devices once.
type importUnion struct {
	Entries     uint64                   `json:"entries"`
	ScanEntries uint64                   `json:"scan_entries"`
	Objects     uint64                   `json:"objects"`
	Bytes       int64                    `json:"bytes"`
	Outcomes    map[entry.Outcome]uint64 `json:"outcomes"`
	Shared      uint64                   `json:"shared"`   // keys of several devices, same content
	Disputed    uint64                   `json:"disputed"` // keys of several devices, different content
	Disputes    []keyDispute             `json:"disputes"`
	Complete    bool                     `json:"complete"` // every device of the job is here and whole, and no key is disputed
	Plan        *importer.Planned        `json:"plan,omitempty"`
	Estimate    *estimate                `json:"estimate,omitempty"`
}

// keyDispute is a key for which devices have different content.
type keyDispute struct {
	Key    string   `json:"key"`
	Holder string   `json:"holder"`          // whose object stands in the target
	Others []string `json:"others"`          // whose does not
	Above  string   `json:"above,omitempty"` // a key of the holder that is a folder on the way to Key
}

func (d keyDispute) text(plan bool) string {
	text := fmt.Sprintf("%s: device %s has it in the target, with other content than", d.Key, d.Holder)
	switch {
	case d.Above != "":
		text = fmt.Sprintf("%s: device %s has the object %s, which for this key is a folder, of", d.Key, d.Holder, d.Above)
	case plan:
		text = fmt.Sprintf("%s: device %s has it with other content than", d.Key, d.Holder)
	}
	for _, o := range d.Others {
		text += " device " + o
	}
	return text
}

func (r *importAllReport) Print(w io.Writer) {
	fmt.Fprintf(w, "job         %s\n", escape(r.Job))
	for _, d := range r.Devices {
		fmt.Fprintf(w, "\ndevice      %s: %s\n", escape(d.Device), d.state(r.DryRun))
		if d.Import != nil {
			d.Import.Print(w)
			fmt.Fprintf(w, "scanned     %d entries, %s\n", d.ScanEntries, size(int64(d.ScanBytes)))
		}
		printIf(w, d.Error != "", "because     %s\n", escape(d.Error))
	}
	fmt.Fprintln(w)
	for _, id := range r.Missing {
		fmt.Fprintf(w, "without     device %s\n", escape(id))
	}
	r.Union.print(w, r.DryRun)
}

// state is what became of a device, in the words of import status.
func (d *deviceImport) state(plan bool) string {
	switch {
	case d.Import == nil:
		return "not begun"
	case plan && d.OK:
		return "planned"
	case plan || d.Import.Ended == "":
		return d.Class
	}
	return string(d.Import.Ended)
}

func (u *importUnion) print(w io.Writer, plan bool) {
	fmt.Fprintf(w, "in all      %s, %s in %s\n", plural(u.Entries, "entry"), size(u.Bytes), plural(u.Objects, "object"))
	printOutcomes(w, u.Outcomes)
	printIf(w, u.Shared > 0, "shared      %s of several devices, the same content\n", plural(u.Shared, "key"))
	for _, d := range u.Disputes {
		fmt.Fprintf(w, "disputed    %s\n", escape(d.text(plan)))
	}
	more := u.Disputed - min(u.Disputed, uint64(len(u.Disputes)))
	printIf(w, more > 0, "disputed    … and %d more\n", more)
	if e := u.Estimate; e != nil {
		e.Print(w)
	}
	printIf(w, !plan, "complete    %s\n", map[bool]string{true: "yes, every device of the job", false: "no"}[u.Complete])
}

// unite makes the sum of the devices that were begun.
func (r *importAllReport) unite(devices []*importDevice) error {
	u := &r.Union
	u.Outcomes, u.Disputes, u.Complete = map[entry.Outcome]uint64{}, []keyDispute{}, !r.DryRun && len(r.Missing) == 0
	for _, d := range devices {
		u.Complete = u.Complete && d.ended != nil && d.ended.whole()
		if d.ended == nil {
			continue
		}
		rep := d.ended.rep
		u.Entries += rep.Entries
		u.ScanEntries += d.totals.ScanEntries
		for o, n := range rep.Outcomes {
			u.Outcomes[o] += n
		}
		u.Objects += rep.Outcomes[entry.OutcomeStored] + rep.Outcomes[entry.OutcomeAlreadyThere]
		u.Bytes += rep.Bytes
		if p := rep.Plan; p != nil {
			u.plan(p)
		}
	}
	switch {
	case r.planned != nil:
		return u.comparePlans(r.planned)
	case r.DryRun:
		return nil
	}
	return u.compare(r.State, devices)
}

// comparePlans finds what the devices' imports would dispute, before anything is sent.
func (u *importUnion) comparePlans(p *plannedUnion) error {
	found, err := p.union.Report()
	if err != nil {
		return err
	}
	u.Objects, u.Bytes = found.Objects, found.Bytes
	u.take(found, p.devices)
	return nil
}

// take names what several devices dispute.
func (u *importUnion) take(found *union.Report, devices []*importDevice) {
	u.Shared, u.Disputed = found.Shared, found.Disputed
	for _, f := range found.Disputes {
		d := keyDispute{Key: f.Key, Above: f.Above, Holder: devices[f.Holder].ID.String()}
		for _, o := range f.Others {
			d.Others = append(d.Others, devices[o].ID.String())
		}
		u.Disputes = append(u.Disputes, d)
	}
}

func (u *importUnion) plan(p *importer.Planned) {
	if u.Plan == nil {
		u.Plan = &importer.Planned{}
	}
	u.Plan.Merge(p)
}

// compare holds the receipts of the devices that have some together, by key.
func (u *importUnion) compare(state string, devices []*importDevice) (err error) {
	if !slices.ContainsFunc(devices, (*importDevice).receipted) {
		return nil
	}
	scratch, done, err := files.Scratch(state) // the system's place may be memory
	if err != nil {
		return err
	}
	defer done()
	lists := union.New(scratch)
	defer lists.Close()
	for i, d := range devices {
		if err := d.addTo(lists, i); err != nil {
			return fmt.Errorf("device %s: %w", d.ID, err)
		}
	}
	found, err := lists.Report()
	if err != nil {
		return err
	}
	u.take(found, devices)
	if !slices.ContainsFunc(devices, func(d *importDevice) bool { return d.ended != nil && !d.receipted() }) {
		u.Objects, u.Bytes = found.Objects, found.Bytes // what they share counts once
	}
	u.Complete = u.Complete && found.Disputed == 0
	return nil
}

func (d *importDevice) receipted() bool { return d.ended != nil && d.ended.result.Receipts != "" }

// addTo adds the device's list, if it has receipts.
func (d *importDevice) addTo(lists *union.Union, number int) error {
	if !d.receipted() {
		return nil
	}
	list, err := os.Open(filepath.Join(d.ended.rep.Receipts, "objects.list"))
	if err != nil {
		return err
	}
	defer list.Close()
	return lists.Add(number, list)
}

// end describes the devices and gives one error for all, with the worst one's exit
// code. union is what kept the sum from being made.
func (r *importAllReport) end(devices []*importDevice, union error) (report, error) {
	errs := make([]error, len(devices))
	for i, d := range devices {
		code, _ := diagnose(d.err)
		one := deviceImport{Device: d.ID.String(), Disks: d.Disks, OK: code == exitDone, Exit: code, Class: className(code)}
		if d.totals != nil {
			one.ScanEntries, one.ScanBytes = d.totals.ScanEntries, d.totals.ScanBytes
		}
		if d.ended != nil {
			one.Import, one.Whole = d.ended.rep, d.ended.whole()
			one.Import.Problems = d.ended.result.Problems()
			r.Target = d.ended.rep.Target
		}
		if d.err != nil {
			one.Error = inWords(d.err)
			errs[i] = deviceError{d.ID.String(), d.err}
		}
		r.Devices = append(r.Devices, one)
	}
	if r.Union.Disputed > 0 {
		errs = append(errs, hint(fmt.Errorf("%w: %s of several devices", errConflict, plural(r.Union.Disputed, "key")), "what stands in the target was not touched; import one of the devices under another prefix, or map its keys by --rules"))
	}
	return r, worst(append(errs, union))
}

// deviceError is an error and whose it is.
type deviceError struct {
	device string
	err    error
}

func (e deviceError) Error() string { return "device " + e.device + ": " + e.err.Error() }

func (e deviceError) Unwrap() error { return e.err }

// severalErrors tells all errors; the worst one has the exit code and the hints.
type severalErrors struct{ all, worst error }

func (e severalErrors) Error() string { return e.all.Error() }

func (e severalErrors) Unwrap() error { return e.worst }

// worst draws errors together by the order of [gravity].
func worst(errs []error) error {
	all := errors.Join(errs...)
	if all == nil {
		return nil
	}
	w := severalErrors{all: all}
	for _, err := range errs {
		if err != nil && (w.worst == nil || graver(err, w.worst)) {
			w.worst = err
		}
	}
	return w
}
