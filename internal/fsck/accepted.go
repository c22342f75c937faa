package fsck

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/sledge-io/sledge/internal/fsck/disks"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// Receipts is one receipts folder, under the name that the user knows it by.
type Receipts struct {
	Name string
	FS   fs.FS
}

// AcceptanceOptions says what an acceptance is checked against. Disks are not
// needed: without a device's disks its manifest is what was accepted, and whether
// the receipts cover it is the acceptor's word.
type AcceptanceOptions struct {
	disks.Options          // trust; disks of any of the job's devices
	Labels        [][]byte // of any of these devices
	Receipts      []Receipts
}

// AcceptanceReport is the answer of VerifyAcceptance.
type AcceptanceReport struct {
	Origin    string             `json:"origin"`
	Job       string             `json:"job,omitempty"`
	JobSerial uint64             `json:"job_serial,omitempty"`
	JobSHA256 string             `json:"job_sha256,omitempty"`
	Acceptor  string             `json:"acceptor,omitempty"` // fingerprint of the key that signed
	Accepted  time.Time          `json:"accepted,omitzero"`
	Note      string             `json:"note,omitempty"`
	Software  string             `json:"software,omitempty"`
	Devices   []AcceptedDevice   `json:"devices"`
	Absent    []string           `json:"absent"` // devices of the job that were waived
	Findings  []findings.Finding `json:"findings"`
	Verdict   findings.Verdict   `json:"verdict"`
}

// AcceptedDevice is one device of the acceptance.
type AcceptedDevice struct {
	Device      string           `json:"device"`
	Generation  uint64           `json:"generation"`
	Run         string           `json:"run"`
	Target      string           `json:"target"` // where the objects stand
	Endpoint    string           `json:"endpoint"`
	Label       string           `json:"label"`                    // the acceptor's word
	LabelHere   bool             `json:"label_here"`               // compared now
	Receipts    string           `json:"receipts,omitempty"`       // the folder that was checked; "" if none was given
	Manifest    string           `json:"manifest"`                 // checked, or as accepted
	Outcomes    map[string]int64 `json:"outcomes"`                 // of lines, as accepted
	EntryCounts map[string]int64 `json:"entry_outcomes,omitempty"` // of entries, once the receipts are here
	Bytes       uint64           `json:"bytes"`
	Differences []string         `json:"differences"` // waived
	Rules       string           `json:"rules,omitempty"`
	LeftOut     map[string]int64 `json:"left_out,omitempty"` // by the importer's own rules, by kind; waived
	Waived      int              `json:"waived"`             // entries
	Entries     []WaivedEntry    `json:"entries"`            // the first of them, once the receipts are here
}

// WaivedEntry is an entry that is not proven and was waived.
type WaivedEntry struct {
	Line    int64  `json:"line"`
	Path    string `json:"path"`
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
}

// The two ways in which receipts are known to cover the manifest.
const (
	ManifestChecked  = "checked"
	ManifestAccepted = "as accepted"
)

const maxWaivedShown = 10000

type acceptanceCheck struct {
	o   AcceptanceOptions
	f   *findings.List
	r   *AcceptanceReport
	job *wire.JobFile
	a   *acceptance
}

// VerifyAcceptance checks an acceptance: the job file that it carries, under the
// job signer's key; its signature, by an acceptor whom the job file pins; that it
// speaks of every device of the job; and each receipts folder: that it is the
// accepted one, whole, and that what it does not prove is exactly what was waived.
func VerifyAcceptance(ctx context.Context, file []byte, o AcceptanceOptions) (*AcceptanceReport, error) {
	if err := o.Trust.Validate(); err != nil {
		return nil, err
	}
	c := &acceptanceCheck{o: o, f: findings.New(), r: &AcceptanceReport{Origin: findings.OriginUnproven, Devices: []AcceptedDevice{}, Absent: []string{}, Findings: []findings.Finding{}}}
	if err := c.run(ctx, file); err != nil && !errors.Is(err, findings.ErrRefused) {
		return nil, err
	}
	rest := &findings.Report{}
	c.f.Finish(rest)
	c.r.Findings, c.r.Verdict = append(c.r.Findings, rest.Findings...), rest.Verdict
	if o.Trust != nil && c.r.Verdict != findings.VerdictRefused {
		c.r.Origin = findings.OriginProven
	}
	return c.r, nil
}

func (c *acceptanceCheck) fatal(class, format string, args ...any) {
	c.f.Add(findings.Fatal, class, findings.Nowhere(), "", format, args...)
}

func (c *acceptanceCheck) refuse(class, format string, args ...any) error {
	c.fatal(class, format, args...)
	return findings.ErrRefused
}

func (c *acceptanceCheck) run(ctx context.Context, file []byte) error {
	if err := c.open(file); err != nil {
		return err
	}
	c.describe()
	c.everyDevice()
	for i, raw := range c.o.Labels {
		c.label(i, raw)
	}
	for _, in := range c.o.Receipts {
		if err := c.receipts(ctx, in); err != nil {
			return err
		}
	}
	for i := range c.r.Devices {
		if d := &c.r.Devices[i]; d.Receipts == "" {
			c.f.Add(findings.Warning, "receipts-not-given", findings.Nowhere(), "give the device's receipts folder, too", "device %s: its receipts were not checked", d.Device)
		}
	}
	return nil
}

// open goes from the trusted key to the predicate: nothing is interpreted before
// its signature.
func (c *acceptanceCheck) open(file []byte) error {
	if len(file) > wire.MaxStatementSize {
		return c.refuse("acceptance-bad", "over %d bytes", wire.MaxStatementSize)
	}
	e, err := wire.ParseEnvelope(file)
	if err != nil {
		return c.refuse("acceptance-bad", "%v", err)
	}
	raw, err := e.CarriedJob()
	if err != nil {
		return c.refuse("acceptance-bad", "%v", err)
	}
	if c.job, err = wire.OpenJob(raw, c.o.Trust); err != nil {
		return c.refuse("job-untrusted", "the job file in it: %v", err)
	}
	key := e.SignedBy(c.job.Acceptors)
	if key == nil {
		return c.refuse("acceptance-untrusted", "no acceptor of the job signed it")
	}
	s, err := e.Statement(wire.AcceptancePredicate)
	if err == nil {
		c.a, err = parseAcceptance(s)
	}
	if err != nil {
		return c.refuse("acceptance-bad", "%v", err)
	}
	c.r.Acceptor = wire.Fingerprint(key)
	if c.a.job != c.job.Job || c.a.serial != c.job.Serial || c.a.sha256 != wire.Sha256Hex(raw) {
		return c.refuse("acceptance-bad", "it is of another job file than the one in it")
	}
	return nil
}

func (c *acceptanceCheck) describe() {
	r, a := c.r, c.a
	r.Job, r.JobSerial, r.JobSHA256, r.Accepted, r.Note, r.Software = a.job.String(), a.serial, a.sha256, a.accepted, a.note, a.software
	for _, d := range a.devices {
		n := 0
		for _, w := range d.waived {
			n += len(w.lines)
		}
		r.Devices = append(r.Devices, AcceptedDevice{
			Device: d.who.Device.String(), Generation: d.who.Generation, Run: d.run, Target: d.target, Endpoint: d.endpoint, Label: d.label, Manifest: ManifestAccepted,
			Outcomes: d.outcomes, Bytes: d.bytes, Differences: d.differences, Rules: d.rules, LeftOut: d.leftOut, Waived: n, Entries: []WaivedEntry{},
		})
		if d.label != "checked" {
			c.f.Add(findings.Note, "label-waived", findings.Nowhere(), "", "device %s: the acceptor had no label: an older state of the device would look the same", d.who.Device)
		}
		if d.target != c.job.Target {
			c.f.Add(findings.Note, "target-waived", findings.Nowhere(), "", "device %s: its objects are in %s, the job names %s", d.who.Device, findings.QuoteName(d.target), findings.QuoteName(c.job.Target))
		}
		for _, text := range d.differences {
			c.f.Add(findings.Note, "difference-waived", findings.Nowhere(), "", "device %s: %s", d.who.Device, text)
		}
		for _, kind := range slices.Sorted(maps.Keys(d.leftOut)) {
			c.f.Add(findings.Note, "left-out", findings.Nowhere(), "", "device %s: the importer's own rules left out %d of kind %s", d.who.Device, d.leftOut[kind], findings.QuoteName(kind))
		}
	}
	for device := range a.absent {
		r.Absent = append(r.Absent, device.String())
		c.f.Add(findings.Note, "device-waived", findings.Nowhere(), "", "device %s: accepted without its receipts", device)
	}
	slices.Sort(r.Absent)
}

// everyDevice holds the devices to those of the job: none is passed over in silence.
func (c *acceptanceCheck) everyDevice() {
	for device := range c.job.Devices {
		if c.a.device(device) == nil && !c.a.absent[device] {
			c.fatal("device-unnamed", "device %s of the job is neither accepted nor waived", device)
		}
	}
	for _, d := range c.a.devices {
		if c.job.Devices[d.who.Device] == nil {
			c.fatal("device-unknown", "device %s is not of this job", d.who.Device)
		}
	}
	for device := range c.a.absent {
		if c.job.Devices[device] == nil {
			c.fatal("device-unknown", "device %s is waived, and not of this job", device)
		}
	}
}

// label holds a label to the accepted device of its name; no disk is needed for
// that. A label that is of nothing here has been taken for another one.
func (c *acceptanceCheck) label(n int, raw []byte) {
	l, err := wire.ParseLabel(raw)
	if err != nil {
		c.fatal("label-bad", "label %d: %v", n+1, err)
		return
	}
	d := c.a.device(l.Device)
	if d == nil || d.who != l.Identity {
		c.fatal("label-unknown", "label %d: of device %s, generation %d, of job %s, which was not accepted", n+1, l.Device, l.Generation, l.Job)
		return
	}
	switch key := c.job.Devices[l.Device]; {
	case key == nil:
		return // everyDevice has said so
	case l.JobSerial > c.job.Serial || l.JobSerial == c.job.Serial && l.JobSHA256 != c.job.Sha256: // of an older one only the disks know
		c.fatal("label-differs", "device %s: its label's job-serial or job-sha256 is of another job file", l.Device)
	case uint64(l.Checkpoint.Size) != d.manifestSize || !bytes.Equal(l.Checkpoint.Root[:], d.manifestRoot):
		c.fatal("label-differs", "device %s: its label has a manifest of %d entries, root %s; accepted were %d, root %s",
			l.Device, l.Checkpoint.Size, l.Checkpoint.Root, d.manifestSize, rootText(d.manifestRoot))
	case !l.Checkpoint.Of(l.Identity) || l.Checkpoint.Verify(key) != nil:
		c.fatal("label-differs", "device %s: its label's checkpoint is not signed by the device", l.Device)
	default:
		c.r.Devices[slices.Index(c.a.devices, d)].LabelHere = true
	}
}

// receipts checks one folder against what was accepted.
func (c *acceptanceCheck) receipts(ctx context.Context, in Receipts) error {
	name := findings.QuoteName(in.Name)
	who, cp, err := receiptsOf(in.FS)
	if err != nil {
		return c.refuse("receipt-checkpoint-bad", "%s: log/checkpoint: %v", name, err)
	}
	i := slices.IndexFunc(c.a.devices, func(d *acceptedDevice) bool { return d.who == who })
	if i < 0 {
		return c.refuse("receipts-unknown", "%s: receipts of device %s, generation %d, which were not accepted", name, who.Device, who.Generation)
	}
	d, r := c.a.devices[i], &c.r.Devices[i]
	if r.Receipts != "" {
		return c.refuse("receipts-twice", "%s: %s is of the same device", name, findings.QuoteName(r.Receipts))
	}
	r.Receipts = in.Name
	if uint64(cp.Size) != d.size || !bytes.Equal(cp.Root[:], d.root) {
		return c.refuse("receipts-differ", "%s: %d receipts, root %s; accepted were %d, root %s", name, cp.Size, cp.Root, d.size, rootText(d.root))
	}
	found, err := c.verify(ctx, in, d, r)
	if err != nil {
		return err
	}
	for _, f := range slices.Concat(found.Manifest.Findings, found.Findings) {
		if f.Severity == findings.Fatal {
			c.f.Add(findings.Fatal, f.Class, findings.Nowhere(), f.Hint, "%s: %s", name, f.Text)
		}
	}
	if found.Verdict != findings.VerdictRefused {
		c.compare(name, d, r, found)
	}
	return nil
}

// verify checks a folder as VerifyReceipts does, with the device's disks if they
// are here, and holds each line to the waivers.
func (c *acceptanceCheck) verify(ctx context.Context, in Receipts, d *acceptedDevice, r *AcceptedDevice) (*ReceiptReport, error) {
	line := func(l *ObjectLine) error { c.line(d, r, l); return nil }
	o := c.o.Options
	o.Label = labelOf(c.o.Labels, d.who)
	if len(o.Disks) > 0 {
		v, err := disks.New(o)
		if err != nil {
			return nil, err
		}
		if v.Has(d.who) {
			v.Want(d.who)
			r.Manifest = ManifestChecked
			check := newReceiptCheck(v, in.FS, line)
			return check.check(ctx, check.manifest)
		}
	}
	c.f.Add(findings.Note, "manifest-not-checked", findings.Nowhere(), "give the device's disks, or one of them",
		"device %s: that the receipts cover its manifest is the acceptor's word", d.who.Device)
	v := disks.Accepted(o, disks.Proven{Who: d.who, Job: c.job, Size: int64(d.manifestSize), Root: rootText(d.manifestRoot)})
	return newReceiptCheck(v, in.FS, line).check(ctx, func(context.Context) error { return nil })
}

// labelOf finds a device's label. One that cannot be read is given to whoever asks,
// to be refused.
func labelOf(labels [][]byte, who wire.Identity) []byte {
	for _, raw := range labels {
		if l, err := wire.ParseLabel(raw); err != nil || l.Identity == who {
			return raw
		}
	}
	return nil
}

// line holds one line against the waivers: what is not proven is waived, and
// nothing else is.
func (c *acceptanceCheck) line(d *acceptedDevice, r *AcceptedDevice, l *ObjectLine) {
	if !l.Unproven() {
		return
	}
	path := findings.QuoteName(string(l.Record.Path))
	w := d.group(l.Outcome, l.Error)
	for w != nil && w.next < len(w.lines) && w.lines[w.next] < l.Position {
		c.idle(d, w)
	}
	if w == nil || w.next == len(w.lines) || w.lines[w.next] != l.Position {
		c.fatal("not-waived", "device %s: line %d: %s: %s, and not waived", d.who.Device, l.Position, path, l.Outcome)
		return
	}
	w.next++
	if len(r.Entries) < maxWaivedShown {
		r.Entries = append(r.Entries, WaivedEntry{l.Position, string(l.Record.Path), l.Outcome, l.Error})
	}
}

// idle names a waiver of something that is proven, or not as the waiver says.
func (c *acceptanceCheck) idle(d *acceptedDevice, w *waivedLines) {
	c.fatal("waiver-idle", "device %s: line %d is waived as %s, which it is not", d.who.Device, w.lines[w.next], w.outcome)
	w.next++
}

// compare holds the counts of a whole folder to what was accepted.
func (c *acceptanceCheck) compare(name string, d *acceptedDevice, r *AcceptedDevice, found *ReceiptReport) {
	for _, w := range d.waived {
		for w.next < len(w.lines) {
			c.idle(d, w)
		}
	}
	if found.SHA256 != d.sha256 || found.Run != d.run {
		c.fatal("receipts-differ", "%s: the checkpoint of run %s is not the accepted one of run %s", name, findings.QuoteName(found.Run), findings.QuoteName(d.run))
	}
	if found.Target != d.target || found.Endpoint != d.endpoint {
		c.fatal("target-differs", "%s: the objects are in %s of %s, accepted was %s of %s", name, findings.QuoteName(found.Target), findings.QuoteName(found.Endpoint), findings.QuoteName(d.target), findings.QuoteName(d.endpoint))
	}
	if m := found.Manifest; m.LogSize != int64(d.manifestSize) || m.Root != rootText(d.manifestRoot) {
		c.fatal("manifest-differs", "%s: the manifest of these disks is not the accepted one", name)
	}
	if r.Manifest == ManifestChecked {
		c.compareJob(name, found.Manifest.JobFile)
	}
	if sameCounts(d.outcomes, found.Outcomes) != nil || sameCounts(d.proofs, found.Proofs) != nil || d.bytes != found.Bytes || d.complete != found.Complete {
		c.fatal("counts-differ", "%s: the counts are not the accepted ones", name)
	}
	if !slices.Equal(d.differences, found.Differences) {
		c.fatal("differences-differ", "%s: the receipts' differences are not the waived ones", name)
	}
	r.EntryCounts = found.Entries
	c.compareLeftOut(name, d, found)
}

// compareLeftOut holds what the importer's own rules left out to what was waived. A statement
// of an older version does not say it.
func (c *acceptanceCheck) compareLeftOut(name string, d *acceptedDevice, found *ReceiptReport) {
	own := c.job.ByRules(found.LeftOut)
	switch {
	case d.leftOut == nil && len(own) == 0:
	case d.leftOut == nil:
		c.f.Add(findings.Note, "left-out", findings.Nowhere(), "", "%s: the importer's own rules left entries out, and the acceptance of an older version does not say so: %v", name, own)
	case sameCounts(d.leftOut, own) != nil || d.rules != found.Rules:
		c.fatal("left-out-differs", "%s: what the importer's own rules left out is not what was waived", name)
	}
}

// compareJob holds the job file that a device's manifest names to the one that the
// acceptance carries: the same, or an older one of the same job that agrees on
// target and roles.
func (c *acceptanceCheck) compareJob(name string, raw []byte) {
	if bytes.Equal(raw, c.job.Raw) {
		return
	}
	old, err := wire.OpenJob(raw, c.o.Trust)
	if err != nil {
		c.fatal("job-differs", "%s: the job file of the disks: %v", name, err)
		return
	}
	if what := c.job.Follows(old); what != "" {
		c.fatal("job-differs", "%s: the disks are of another job file, with another %s", name, what)
		return
	}
	c.f.Add(findings.Note, "job-older", findings.Nowhere(), "", "%s: the disks are of the job file of serial %d, the acceptance is of serial %d", name, old.Serial, c.job.Serial)
}
