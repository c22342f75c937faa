package fsck

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// acceptance is the predicate of an acceptance (format.md 8.3).
type acceptance struct {
	job            wire.ID
	serial         uint64
	sha256         string // of the job file
	devices        []*acceptedDevice
	absent         map[wire.ID]bool
	accepted       time.Time
	note, software string
}

// acceptedDevice is one device's import as it was accepted.
type acceptedDevice struct {
	who          wire.Identity
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

func parseAcceptance(s *wire.Statement) (*acceptance, error) {
	p := s.Predicate
	if err := p.Version1(acceptanceNames); err != nil {
		return nil, err
	}
	a := &acceptance{absent: map[wire.ID]bool{}}
	var err error
	if a.job, err = p.ID("job"); err != nil {
		return nil, err
	}
	if a.accepted, err = p.Time("accepted"); err != nil {
		return nil, err
	}
	for name, to := range map[string]any{"job_serial": &a.serial, "job_sha256": &a.sha256, "note": &a.note, "software": &a.software} {
		if err := p.Get(name, to); err != nil {
			return nil, err
		}
	}
	if err := a.readAbsent(p); err != nil {
		return nil, err
	}
	devices, err := p.Objects("devices")
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
	return a, a.compareSubjects(s.Subjects)
}

func (a *acceptance) readAbsent(p wire.Object) error {
	var absent []string
	if err := p.Get("absent", &absent); err != nil {
		return err
	}
	for _, text := range absent {
		device, err := wire.ParseID(text)
		if err != nil {
			return err
		}
		if a.absent[device] {
			return fmt.Errorf("%w: device %s is absent twice", wire.ErrMalformed, device)
		}
		a.absent[device] = true
	}
	return nil
}

func (a *acceptance) readDevice(o wire.Object) (*acceptedDevice, error) {
	d := &acceptedDevice{who: wire.Identity{Job: a.job}}
	var err error
	if d.who.Device, err = o.ID("device"); err != nil {
		return nil, err
	}
	if a.absent[d.who.Device] || a.device(d.who.Device) != nil {
		return nil, fmt.Errorf("%w: device %s twice", wire.ErrMalformed, d.who.Device)
	}
	for name, to := range map[string]any{
		"generation": &d.who.Generation, "label": &d.label, "manifest_size": &d.manifestSize, "run": &d.run,
		"target": &d.target, "endpoint": &d.endpoint, "receipt_size": &d.size,
		"receipt_sha256": &d.sha256, "outcomes": &d.outcomes, "proof": &d.proofs, "bytes": &d.bytes, "complete": &d.complete, "differences": &d.differences,
	} {
		if err := o.Get(name, to); err != nil {
			return nil, err
		}
	}
	if d.manifestRoot, err = o.Base64("manifest_root"); err != nil {
		return nil, err
	}
	if d.root, err = o.Base64("receipt_root"); err != nil {
		return nil, err
	}
	if !labelWords[d.label] {
		return nil, fmt.Errorf("%w: label %q", wire.ErrVersion, d.label)
	}
	if len(d.manifestRoot) != 32 || len(d.root) != 32 || d.size > wire.MaxLogSize || d.manifestSize > wire.MaxLogSize {
		return nil, fmt.Errorf("%w: a root or a size", wire.ErrMalformed)
	}
	if err := errors.Join(o.Maybe("rules", &d.rules), o.Maybe("left_out", &d.leftOut)); err != nil {
		return nil, err
	}
	return d, d.readWaived(o)
}

func (d *acceptedDevice) readWaived(o wire.Object) error {
	groups, err := o.Objects("waived")
	if err != nil {
		return err
	}
	for _, g := range groups {
		w := &waivedLines{}
		if w.outcome, err = g.Text("outcome"); err != nil {
			return err
		}
		if err := g.Maybe("error", &w.code); err != nil {
			return err
		}
		if err := g.Get("lines", &w.lines); err != nil {
			return err
		}
		if err := w.validate(d.size); err != nil {
			return err
		}
		if d.group(w.outcome, w.code) != nil {
			return fmt.Errorf("%w: two lists of %s %s", wire.ErrMalformed, w.outcome, w.code)
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
			return fmt.Errorf("%w: waived line %d", wire.ErrMalformed, n)
		}
		last = n
	}
	if len(w.lines) == 0 {
		return fmt.Errorf("%w: no lines are waived for %s", wire.ErrMalformed, w.outcome)
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

func (a *acceptance) device(device wire.ID) *acceptedDevice {
	for _, d := range a.devices {
		if d.who.Device == device {
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
		want["receipts/"+d.who.Device.String()] = d.sha256
	}
	for name, sum := range want {
		if subjects[name] != sum {
			return fmt.Errorf("%w: subject %q is not the predicate's", wire.ErrMalformed, name)
		}
	}
	if len(subjects) != len(want) {
		return fmt.Errorf("%w: %d subjects, not %d", wire.ErrMalformed, len(subjects), len(want))
	}
	return nil
}

func rootText(root []byte) string { return base64.StdEncoding.EncodeToString(root) }
