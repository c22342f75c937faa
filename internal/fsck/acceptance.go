package fsck

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"time"
)

// acceptance is the predicate of an acceptance (format.md 8.3).
type acceptance struct {
	job            id
	serial         uint64
	sha256         string // of the job file
	devices        []*acceptedDevice
	absent         map[id]bool
	accepted       time.Time
	note, software string
}

// acceptedDevice is one device's import as it was accepted.
type acceptedDevice struct {
	who          identity
	label        string
	manifestSize uint64
	manifestRoot []byte
	run          string
	target       string // where the objects stand
	endpoint     string
	size         uint64 // of the receipt log
	root         []byte
	sha256       string // of its checkpoint
	outcomes     map[string]int64
	proofs       map[string]int64
	bytes        uint64
	complete     bool
	differences  []string
	waived       []*waivedLines
	rules        string           // SHA-256 of the importer's own; "" is none
	leftOut      map[string]int64 // by them; nil: the statement is older and does not say
}

// waivedLines are the entries of one outcome and error that were waived, by their
// lines. next is how far they have been met.
type waivedLines struct {
	outcome, code string
	lines         []int64
	next          int
}

var acceptanceNames = []string{
	"version", "critical", "job", "job_serial", "job_sha256", "job_file", "devices", "absent", "accepted", "note", "software",
}

var labelWords = map[string]bool{"checked": true, "not given": true}

func parseAcceptance(s *statement) (*acceptance, error) {
	p := s.predicate
	if err := p.version1(acceptanceNames); err != nil {
		return nil, err
	}
	a := &acceptance{absent: map[id]bool{}}
	var err error
	if a.job, err = p.id("job"); err != nil {
		return nil, err
	}
	if a.accepted, err = p.time("accepted"); err != nil {
		return nil, err
	}
	for name, to := range map[string]any{"job_serial": &a.serial, "job_sha256": &a.sha256, "note": &a.note, "software": &a.software} {
		if err := p.get(name, to); err != nil {
			return nil, err
		}
	}
	if err := a.readAbsent(p); err != nil {
		return nil, err
	}
	devices, err := p.objects("devices")
	if err != nil {
		return nil, err
	}
	for _, o := range devices {
		d, err := a.readDevice(o)
		if err != nil {
			return nil, fmt.Errorf("device %d: %w", len(a.devices), err)
		}
		a.devices = append(a.devices, d)
	}
	return a, a.compareSubjects(s.subjects)
}

func (a *acceptance) readAbsent(p object) error {
	var absent []string
	if err := p.get("absent", &absent); err != nil {
		return err
	}
	for _, text := range absent {
		device, err := parseID(text)
		if err != nil {
			return err
		}
		if a.absent[device] {
			return fmt.Errorf("%w: device %s is absent twice", errMalformed, device)
		}
		a.absent[device] = true
	}
	return nil
}

func (a *acceptance) readDevice(o object) (*acceptedDevice, error) {
	d := &acceptedDevice{who: identity{job: a.job}}
	var err error
	if d.who.device, err = o.id("device"); err != nil {
		return nil, err
	}
	if a.absent[d.who.device] || a.device(d.who.device) != nil {
		return nil, fmt.Errorf("%w: device %s twice", errMalformed, d.who.device)
	}
	for name, to := range map[string]any{
		"generation": &d.who.generation, "label": &d.label, "manifest_size": &d.manifestSize, "run": &d.run,
		"target": &d.target, "endpoint": &d.endpoint, "receipt_size": &d.size,
		"receipt_sha256": &d.sha256, "outcomes": &d.outcomes, "proof": &d.proofs, "bytes": &d.bytes, "complete": &d.complete, "differences": &d.differences,
	} {
		if err := o.get(name, to); err != nil {
			return nil, err
		}
	}
	if d.manifestRoot, err = o.base64("manifest_root"); err != nil {
		return nil, err
	}
	if d.root, err = o.base64("receipt_root"); err != nil {
		return nil, err
	}
	if !labelWords[d.label] {
		return nil, fmt.Errorf("%w: label %q", ErrVersion, d.label)
	}
	if len(d.manifestRoot) != 32 || len(d.root) != 32 || d.size > maxLogSize || d.manifestSize > maxLogSize {
		return nil, fmt.Errorf("%w: a root or a size", errMalformed)
	}
	if err := errors.Join(o.maybe("rules", &d.rules), o.maybe("left_out", &d.leftOut)); err != nil {
		return nil, err
	}
	return d, d.readWaived(o)
}

func (d *acceptedDevice) readWaived(o object) error {
	groups, err := o.objects("waived")
	if err != nil {
		return err
	}
	for _, g := range groups {
		w := &waivedLines{}
		if w.outcome, err = g.text("outcome"); err != nil {
			return err
		}
		if err := g.maybe("error", &w.code); err != nil {
			return err
		}
		if err := g.get("lines", &w.lines); err != nil {
			return err
		}
		if err := w.validate(d.size); err != nil {
			return err
		}
		if d.group(w.outcome, w.code) != nil {
			return fmt.Errorf("%w: two lists of %s %s", errMalformed, w.outcome, w.code)
		}
		d.waived = append(d.waived, w)
	}
	return nil
}

// validate refuses lines that are not in the log or not in order.
func (w *waivedLines) validate(size uint64) error {
	last := int64(math.MinInt64)
	for _, n := range w.lines {
		if n < 0 || uint64(n) >= size || n <= last {
			return fmt.Errorf("%w: waived line %d", errMalformed, n)
		}
		last = n
	}
	if len(w.lines) == 0 {
		return fmt.Errorf("%w: no lines are waived for %s", errMalformed, w.outcome)
	}
	return nil
}

func (d *acceptedDevice) group(outcome, code string) *waivedLines {
	for _, w := range d.waived {
		if w.outcome == outcome && w.code == code {
			return w
		}
	}
	return nil
}

func (a *acceptance) device(device id) *acceptedDevice {
	for _, d := range a.devices {
		if d.who.device == device {
			return d
		}
	}
	return nil
}

// compareSubjects holds the statement's subjects to its predicate: the job file
// and each device's receipts, nothing else.
func (a *acceptance) compareSubjects(subjects map[string]string) error {
	want := map[string]string{"job.dsse": a.sha256}
	for _, d := range a.devices {
		want["receipts/"+d.who.device.String()] = d.sha256
	}
	for name, sum := range want {
		if subjects[name] != sum {
			return fmt.Errorf("%w: subject %q is not the predicate's", errMalformed, name)
		}
	}
	if len(subjects) != len(want) {
		return fmt.Errorf("%w: %d subjects, not %d", errMalformed, len(subjects), len(want))
	}
	return nil
}

func rootText(root []byte) string { return base64.StdEncoding.EncodeToString(root) }
