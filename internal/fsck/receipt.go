package fsck

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/disks"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/log"
	"github.com/sledge-io/sledge/internal/fsck/record"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// ReceiptOptions says against which manifest receipts are checked.
type ReceiptOptions struct {
	disks.Options                         // disks with the manifest's log, trust, label
	Object        func(*ObjectLine) error // called for each line in order; an error stops
}

// ReceiptReport is the answer of VerifyReceipts.
type ReceiptReport struct {
	Manifest    *findings.Report `json:"manifest"`
	Run         string           `json:"run,omitempty"`
	Importer    string           `json:"importer,omitempty"` // fingerprint of the key that signed
	Checkpoint  string           `json:"checkpoint,omitempty"`
	SHA256      string           `json:"checkpoint_sha256,omitempty"` // of the checkpoint's file as the importer signed it
	ListSHA256  string           `json:"list_sha256,omitempty"`       // of objects.list as it was verified, once it was to its end
	TotalSHA256 string           `json:"total_sha256,omitempty"`      // likewise of total.dsse
	Target      string           `json:"target,omitempty"`            // of the total: where the objects went
	Endpoint    string           `json:"endpoint,omitempty"`          // of the store; "" is that of AWS
	Rules       string           `json:"rules,omitempty"`             // SHA-256 of the importer's own rules; "" is none
	JobTarget   string           `json:"job_target,omitempty"`        // where the job says that they go
	JobDevices  []string         `json:"job_devices,omitempty"`       // all that the job names
	LogSize     int64            `json:"log_size"`
	LogRoot     []byte           `json:"log_root,omitempty"`
	Lines       int64            `json:"lines"`
	Pages       int64            `json:"pages"`          // whose root is that of the manifest
	Outcomes    map[string]int64 `json:"outcomes"`       // of lines: a long entry has several
	Entries     map[string]int64 `json:"entry_outcomes"` // of entries
	Proofs      map[string]int64 `json:"proofs"`
	Bytes       uint64           `json:"bytes"`              // of objects that stand in the store
	LeftOut     map[string]int64 `json:"left_out,omitempty"` // entries without an object by a policy, by kind
	Complete    bool             `json:"complete"`           // every record has an outcome and none failed

	// Differences is what the total says of scan, manifest and target that do not
	// agree; if it does not call itself complete, there is at least one.
	Differences []string           `json:"differences,omitempty"`
	Findings    []findings.Finding `json:"findings"`
	Verdict     findings.Verdict   `json:"verdict"`
}

// receiptCheck is one run of VerifyReceipts.
type receiptCheck struct {
	v      *disks.Check
	m      disks.Proven // of the manifest, once run begins
	dir    fs.FS
	f      *findings.List
	r      *ReceiptReport
	object func(*ObjectLine) error
	key    ed25519.PublicKey
	cp     *wire.Checkpoint
	lines  *bufio.Reader

	page   *wire.PageEntry // that is being filled
	next   int64           // log position of the next page entry to look at
	count  uint64          // records of page so far
	tree   wire.TreeStack
	order  []byte
	number uint64
	parts  compositeCheck
	attrs  record.AttributeCount
}

// VerifyReceipts checks an importer's receipts: its checkpoint under a key that
// the job file pins, its log, that every line of objects.list is committed to,
// and, from the records in the lines, that the list covers the manifest's
// pages exactly. Whether the objects stand in the store is for o.Object to ask.
func VerifyReceipts(ctx context.Context, dir fs.FS, o ReceiptOptions) (*ReceiptReport, error) {
	v, err := disks.New(o.Options)
	if err != nil {
		return nil, err
	}
	if who, _, err := receiptsOf(dir); err == nil {
		v.Want(who)
	}
	c := newReceiptCheck(v, dir, o.Object)
	return c.check(ctx, c.manifest)
}

// manifest proves the manifest that is on the disks.
func (c *receiptCheck) manifest(ctx context.Context) error {
	if !c.v.Sealed() {
		return c.refuse("manifest-missing", "no disk has a checkpoint: receipts are of a sealed device")
	}
	return c.v.Prove(ctx)
}

// receiptsOf reads which device's import a receipts folder says it is of, and its
// checkpoint. Nobody has vouched for either.
func receiptsOf(dir fs.FS) (who wire.Identity, c *wire.Checkpoint, err error) {
	raw, err := disk.ReadSmall(dir, "log/checkpoint", wire.MaxCheckpointSize)
	if err == nil {
		c, err = wire.ParseCheckpoint(raw)
	}
	if err != nil {
		return who, nil, err
	}
	who, _, err = wire.ParseOrigin(c.Origin)
	return who, c, err
}

// ReceiptsDevice is the device that a receipts folder says it is of; nobody has
// vouched for it.
func ReceiptsDevice(dir fs.FS) (string, error) {
	who, _, err := receiptsOf(dir)
	return who.Device.String(), err
}

func newReceiptCheck(v *disks.Check, dir fs.FS, object func(*ObjectLine) error) *receiptCheck {
	return &receiptCheck{v: v, dir: v.Watched(dir, "receipts"), f: findings.New(), object: object,
		r: &ReceiptReport{Outcomes: map[string]int64{}, Proofs: map[string]int64{}, LeftOut: map[string]int64{}, Findings: []findings.Finding{}}}
}

// check runs it once the manifest is known.
func (c *receiptCheck) check(ctx context.Context, manifest func(context.Context) error) (*ReceiptReport, error) {
	report, err := c.v.Run(ctx, func(ctx context.Context) error {
		if err := manifest(ctx); err != nil {
			return err
		}
		c.m = c.v.Proven()
		return c.run(ctx)
	})
	if err != nil {
		return nil, err
	}
	c.r.Manifest = report
	rest := &findings.Report{}
	c.f.Finish(rest)
	c.r.Findings = append(c.r.Findings, rest.Findings...)
	c.r.Verdict, c.r.Entries = rest.Verdict, c.r.entries()
	if report.Verdict == findings.VerdictRefused {
		c.r.Verdict = findings.VerdictRefused
	}
	return c.r, nil
}

// entries counts entries instead of lines: all lines of a long entry but its first are
// no-object.
func (r *ReceiptReport) entries() map[string]int64 {
	entries := maps.Clone(r.Outcomes)
	delete(entries, "no-object")
	for _, n := range r.LeftOut {
		entries["no-object"] += n
	}
	return entries
}

func (c *receiptCheck) refuse(class, format string, args ...any) error {
	c.f.Add(findings.Fatal, class, findings.Nowhere(), "", format, args...)
	return findings.ErrRefused
}

func (c *receiptCheck) run(ctx context.Context) error {
	if err := c.openCheckpoint(); err != nil {
		return err
	}
	list, err := c.dir.Open("objects.list")
	if err != nil {
		return c.refuse("list-missing", "objects.list: %v", err)
	}
	defer list.Close()
	sum := sha256.New()
	c.lines = bufio.NewReaderSize(io.TeeReader(list, sum), 64<<10)
	c.next = c.m.FirstPage
	l := log.OfFolder(c.dir, c.cp.Size, c.cp.Root, c.f)
	err = l.Walk(ctx, func(pos int64, entry []byte) error { return c.entry(ctx, pos, entry) })
	if errors.Is(err, log.ErrLost) {
		return c.refuse("receipt-log-bad", "the receipt log does not fit its checkpoint: %v", err)
	}
	if err == nil {
		err = c.finish(ctx)
	}
	if err == nil {
		c.r.ListSHA256 = hex.EncodeToString(sum.Sum(nil))
	}
	return err
}

// openCheckpoint finds the importer key, pinned by the job file, that signed.
func (c *receiptCheck) openCheckpoint() error {
	raw, err := disk.ReadSmall(c.dir, "log/checkpoint", wire.MaxCheckpointSize)
	if err == nil {
		c.cp, err = wire.ParseCheckpoint(raw)
	}
	if err != nil {
		return c.refuse("receipt-checkpoint-bad", "log/checkpoint: %v", err)
	}
	who, rest, err := wire.ParseOrigin(c.cp.Origin)
	run, isImport := strings.CutPrefix(rest, "import/")
	if err != nil || !isImport || run == "" || who != c.m.Who {
		return c.refuse("receipt-checkpoint-bad", "log/checkpoint: origin %q is not an import of this device", c.cp.Origin)
	}
	for device := range c.m.Job.Devices {
		c.r.JobDevices = append(c.r.JobDevices, device.String())
	}
	slices.Sort(c.r.JobDevices)
	c.r.Run, c.r.Checkpoint, c.r.LogSize, c.r.LogRoot = run, c.cp.Text, c.cp.Size, c.cp.Root[:]
	for _, key := range c.m.Job.Importers {
		if c.cp.Verify(key) == nil {
			c.key, c.r.Importer, c.r.SHA256 = key, wire.Fingerprint(key), wire.Sha256Hex(c.cp.SignedBy(key))
			return nil
		}
	}
	return c.refuse("receipt-untrusted", "log/checkpoint: no importer key of the job file signed it")
}

var receiptFields = wire.Schema{wire.BytesField(1, 32, 32)}

// entry takes one receipt and its line.
func (c *receiptCheck) entry(ctx context.Context, pos int64, raw []byte) error {
	kind, body, err := wire.VersionKind(raw)
	if err == nil && wire.EntryKind(kind) != wire.ReceiptKind {
		err = fmt.Errorf("%w: entry kind %d", wire.ErrVersion, kind)
	}
	var m wire.Message
	if err == nil {
		m, err = wire.ParseFields(body, receiptFields)
	}
	if err == nil {
		err = m.Need(1)
	}
	if err != nil {
		return c.refuse("receipt-entry-bad", "receipt %d: %v", pos, err)
	}
	line, err := c.readLine()
	if err != nil {
		return c.refuse("list-short", "objects.list: line %d: %v", pos, err)
	}
	l, err := parseObjectLine(line)
	if err != nil {
		return c.refuse("list-line-bad", "objects.list: line %d: %v", pos, err)
	}
	if !bytes.Equal(l.commitment[:], m.Bytes(1)) {
		return c.refuse("list-line-bad", "objects.list: line %d is not what the receipt commits to", pos)
	}
	l.Position = pos
	return c.line(ctx, l)
}

func (c *receiptCheck) readLine() ([]byte, error) {
	var line []byte
	for {
		part, err := c.lines.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxObjectLine {
			return nil, fmt.Errorf("%w: over %d bytes", disk.ErrTooLong, maxObjectLine)
		}
		if err == nil {
			return line[:len(line)-1], nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}

// line adds a record to its page and counts the outcome.
func (c *receiptCheck) line(ctx context.Context, l *ObjectLine) error {
	if l.Index == 0 {
		if err := c.closePage(); err != nil {
			return err
		}
		if err := c.openPage(ctx, l.Page); err != nil {
			return err
		}
	}
	if c.page == nil || l.Page != c.page.Number || l.Index != c.count || c.count >= wire.MaxRecordsPerPage {
		return c.refuse("list-incomplete", "objects.list: line %d is record %d of page %d, which is out of order", l.Position, l.Index, l.Page)
	}
	c.count++
	c.tree.Push(tlog.RecordHash(l.recordCommitment[:]), 1)
	if err := c.inOrder(l); err != nil {
		return err
	}
	if err := l.fits(); err != nil {
		c.f.Add(findings.Fatal, "outcome-wrong", findings.Nowhere(), "", "objects.list: line %d: %v", l.Position, err)
	}
	if err := l.agrees(); err != nil {
		c.f.Add(findings.Fatal, "object-differs", findings.Nowhere(), "", "objects.list: line %d: %v", l.Position, err)
	}
	if err := c.parts.line(l); err != nil {
		c.f.Add(findings.Fatal, "object-differs", findings.Nowhere(), "", "objects.list: line %d: %v", l.Position, err)
	}
	c.r.Lines++
	c.r.Outcomes[l.Outcome]++
	if l.Outcome == "no-object" && l.Record.Kind != wire.KindContinuation {
		c.r.LeftOut[wire.KindNames[l.Record.Kind]]++
	}
	if l.there() {
		c.r.Proofs[l.Proof]++
		c.r.Bytes += l.Size
	}
	c.v.Count()
	if c.object != nil {
		return c.object(l)
	}
	return nil
}

// inOrder holds the records of all pages to strictly ascending order.
func (c *receiptCheck) inOrder(l *ObjectLine) error {
	key, number := l.Record.OrderKey(), l.Record.Continuation.Number
	cmp := bytes.Compare(key, c.order)
	if c.order != nil && (cmp < 0 || cmp == 0 && number <= c.number) {
		return c.refuse("record-order", "objects.list: line %d: records are not in order", l.Position)
	}
	c.order, c.number = bytes.Clone(key), number
	if err := c.attrs.Add(l.Record); err != nil {
		return c.refuse("list-line-bad", "objects.list: line %d: %v", l.Position, err)
	}
	return nil
}

// openPage takes the next page of records from the manifest's log. Without the log
// it is the page that the list names; the order of records keeps it from coming again.
func (c *receiptCheck) openPage(ctx context.Context, named uint64) error {
	end := c.m.FirstPage + c.m.Pages
	c.page, c.count = nil, 0
	c.tree.Reset()
	if c.m.Log == nil {
		c.page = &wire.PageEntry{Number: named}
		return nil
	}
	for c.page == nil && c.next < end {
		err := c.m.Log.Each(ctx, c.next, c.next+1, func(_ int64, raw []byte) error {
			e, err := wire.ParseEntry(raw)
			if err == nil && e.Page != nil && !e.Page.Directory {
				c.page = e.Page
			}
			return err
		})
		if err != nil {
			return err
		}
		c.next++
	}
	return nil
}

func (c *receiptCheck) closePage() error {
	if c.page == nil || c.m.Log == nil {
		return nil
	}
	if c.tree.Root() != c.page.Root {
		return c.refuse("page-root-differs", "page %d: the list's records do not give its root: a record is missing, added or changed", c.page.Number)
	}
	c.r.Pages++
	return nil
}

// finish asks for the end of both: of the list, and of the manifest's pages.
func (c *receiptCheck) finish(ctx context.Context) error {
	if err := c.closePage(); err != nil {
		return err
	}
	if _, err := c.lines.ReadByte(); !errors.Is(err, io.EOF) {
		return c.refuse("list-long", "objects.list has lines without a receipt")
	}
	if c.m.Log != nil {
		if err := c.openPage(ctx, 0); err != nil {
			return err
		}
		if c.page != nil {
			return c.refuse("list-incomplete", "objects.list ends before page %d", c.page.Number)
		}
	}
	if err := c.parts.end(); err != nil {
		c.f.Add(findings.Fatal, "object-differs", findings.Nowhere(), "", "objects.list: %v", err)
	}
	c.r.Complete = c.r.Outcomes["failed"] == 0 && c.r.Outcomes["conflict"] == 0
	if !c.r.Complete {
		c.f.Add(findings.Lost, "import-incomplete", findings.Nowhere(), "resume the import", "%d failed, %d conflicts", c.r.Outcomes["failed"], c.r.Outcomes["conflict"])
	}
	return c.total()
}

// total compares total.dsse with what was counted.
func (c *receiptCheck) total() error {
	raw, err := disk.ReadSmall(c.dir, "total.dsse", wire.MaxStatementSize)
	if err != nil {
		return c.refuse("total-bad", "total.dsse: %v", err)
	}
	c.r.TotalSHA256 = wire.Sha256Hex(raw)
	if err := c.checkTotal(raw); err != nil {
		return c.refuse("total-bad", "total.dsse: %v", err)
	}
	return nil
}

func (c *receiptCheck) checkTotal(raw []byte) error {
	e, err := wire.ParseEnvelope(raw)
	if err != nil {
		return err
	}
	if err := e.Verify(c.key); err != nil {
		return err
	}
	s, err := e.Statement(wire.TotalPredicate)
	if err != nil {
		return err
	}
	for _, got := range s.Subjects {
		if got != c.r.SHA256 {
			return fmt.Errorf("%w: its subject is another checkpoint", wire.ErrMalformed)
		}
	}
	if len(s.Subjects) != 1 {
		return fmt.Errorf("%w: %d subjects", wire.ErrMalformed, len(s.Subjects))
	}
	return c.compareTotal(s.Predicate)
}

func (c *receiptCheck) compareTotal(p wire.Object) error {
	if err := p.Version1(totalNames); err != nil {
		return err
	}
	m := c.m
	for name, want := range map[string]string{"job": m.Who.Job.String(), "device": m.Who.Device.String(), "run": c.r.Run, "manifest_root": m.Root} {
		if got, err := p.Text(name); err != nil || got != want {
			return fmt.Errorf("%w: %s is %q, not %q", wire.ErrMalformed, name, got, want)
		}
	}
	for name, want := range map[string]uint64{"generation": m.Who.Generation, "manifest_size": uint64(m.Size), "bytes": c.r.Bytes} {
		if got, err := p.Uint(name); err != nil || got != want {
			return fmt.Errorf("%w: %s is %d, not %d", wire.ErrMalformed, name, got, want)
		}
	}
	for name, want := range map[string]map[string]int64{"outcomes": c.r.Outcomes, "proof": c.r.Proofs} {
		got := map[string]int64{}
		if err := p.Get(name, &got); err != nil {
			return err
		}
		if err := sameCounts(got, want); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	var complete bool
	if err := p.Get("complete", &complete); err != nil {
		return err
	}
	if complete && !c.r.Complete {
		return fmt.Errorf("%w: it says complete, and the list is not", wire.ErrMalformed)
	}
	c.r.Complete = complete
	if err := p.Get("target", &c.r.Target); err != nil {
		return err
	}
	if err := p.Maybe("endpoint", &c.r.Endpoint); err != nil {
		return err
	}
	if err := p.Maybe("rules", &c.r.Rules); err != nil {
		return err
	}
	c.r.JobTarget = c.m.Job.Target
	return c.differences(p)
}

// differences are the total's own. A total that is not complete for no reason that
// is named is a difference, too, so that nobody takes it for a clean one.
func (c *receiptCheck) differences(p wire.Object) error {
	if err := p.Maybe("differences", &c.r.Differences); err != nil {
		return err
	}
	if !c.r.Complete && len(c.r.Differences) == 0 && c.r.Outcomes["failed"]+c.r.Outcomes["conflict"] == 0 {
		c.r.Differences = []string{"the total says that the import is not complete"}
	}
	return nil
}

func sameCounts(got, want map[string]int64) error {
	for _, m := range []map[string]int64{got, want} {
		for name := range m {
			if got[name] != want[name] {
				return fmt.Errorf("%w: %d %s, counted %d", wire.ErrMalformed, got[name], name, want[name])
			}
		}
	}
	return nil
}
