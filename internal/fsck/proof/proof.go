package proof

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/record"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

const (
	proofMagic   = "c2sp.org/tlog-proof@v1\n"
	maxProofSize = 4 << 20
	maxProofPath = 64
)

// ErrContent means that a file is not the one that was loaded.
var ErrContent = errors.New("content differs from the record")

// ErrNoDigest means that the record cannot answer: it has no such digest.
var ErrNoDigest = errors.New("the record has no digest for this")

// Report is what a proof of one file proves (format.md 7.6).
type Report struct {
	Origin     string        `json:"origin"`
	Job        string        `json:"job"`
	Device     string        `json:"device"`
	Generation uint64        `json:"generation"`
	Checkpoint string        `json:"checkpoint"`
	LogSize    int64         `json:"log_size"`
	Root       string        `json:"root"`
	LogIndex   int64         `json:"log_index"` // of the page entry
	Page       uint64        `json:"page"`
	Index      uint64        `json:"index"` // of the record in the page, as the proof says: the tree proves membership
	Commitment string        `json:"commitment"`
	Record     record.Record `json:"record"`
}

// tlogProof is the C2SP tlog-proof around ours.
type tlogProof struct {
	extra      []byte
	index      int64
	hashes     tlog.RecordProof
	checkpoint *wire.Checkpoint
}

func parseTlogProof(raw []byte) (*tlogProof, error) {
	if len(raw) > maxProofSize {
		return nil, fmt.Errorf("%w: proof of %d bytes", wire.ErrMalformed, len(raw))
	}
	body, ok := bytes.CutPrefix(raw, []byte(proofMagic))
	if !ok && bytes.HasPrefix(raw, []byte("c2sp.org/tlog-proof@v")) {
		return nil, fmt.Errorf("%w: does not begin with %q", wire.ErrVersion, strings.TrimSpace(proofMagic))
	}
	if !ok {
		return nil, fmt.Errorf("%w: does not begin with %q", wire.ErrMalformed, strings.TrimSpace(proofMagic))
	}
	head, rest, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return nil, fmt.Errorf("%w: proof without a checkpoint", wire.ErrMalformed)
	}
	lines := strings.Split(string(head), "\n")
	if len(lines) < 2 || len(lines) > 2+maxProofPath {
		return nil, fmt.Errorf("%w: proof of %d lines", wire.ErrMalformed, len(lines))
	}
	p := &tlogProof{}
	if err := p.lines(lines); err != nil {
		return nil, err
	}
	var err error
	p.checkpoint, err = wire.ParseCheckpoint(rest)
	return p, err
}

func (p *tlogProof) lines(lines []string) error {
	extra, ok := strings.CutPrefix(lines[0], "extra ")
	index, ok2 := strings.CutPrefix(lines[1], "index ")
	if !ok || !ok2 {
		return fmt.Errorf("%w: proof lines", wire.ErrMalformed)
	}
	var err error
	if p.extra, err = wire.Unbase64(extra); err != nil {
		return fmt.Errorf("%w: extra line: %v", wire.ErrMalformed, err)
	}
	n, err := wire.Decimal(index)
	if err != nil || n >= wire.MaxLogSize {
		return fmt.Errorf("%w: index %q", wire.ErrMalformed, index)
	}
	p.index = int64(n)
	for _, line := range lines[2:] {
		h, err := wire.Unbase64(line)
		if err != nil || len(h) != 32 {
			return fmt.Errorf("%w: proof hash %q", wire.ErrMalformed, line)
		}
		p.hashes = append(p.hashes, wire.HashOf(h))
	}
	return nil
}

// filePart is the extra line: the page entry, the record and its place in the page.
type filePart struct {
	entry, record, salt []byte
	index, count        uint64
	path                tlog.RecordProof
	job                 []byte
}

var proofFields = wire.Schema{
	wire.BytesField(1, 1, wire.MaxEntrySize), wire.BytesField(2, 1, wire.MaxRecordSize), wire.BytesField(3, 32, 32), wire.UintField(4), wire.UintField(5),
	wire.HashesField(6, 10), wire.BytesField(7, 1, wire.MaxJobSize),
}

func parseFilePart(b []byte) (*filePart, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: no extra line", wire.ErrMalformed)
	}
	if b[0] != wire.FormatVersion {
		return nil, fmt.Errorf("%w: version %d", wire.ErrVersion, b[0])
	}
	m, err := wire.ParseFields(b[1:], proofFields)
	if err != nil {
		return nil, err
	}
	if err := m.Need(1, 2, 3, 5, 7); err != nil {
		return nil, err
	}
	f := &filePart{entry: m.Bytes(1), record: m.Bytes(2), salt: m.Bytes(3), index: m.Uint(4), count: m.Uint(5), job: m.Bytes(7)}
	if f.count > wire.MaxRecordsPerPage || f.index >= f.count {
		return nil, fmt.Errorf("%w: record %d of %d", wire.ErrMalformed, f.index, f.count)
	}
	for h := m.Bytes(6); len(h) > 0; h = h[32:] {
		f.path = append(f.path, wire.HashOf(h))
	}
	return f, nil
}

// Parse checks the form of a proof: no signature, and not that anything is in the log.
func Parse(proof []byte) error {
	_, _, err := parse(proof)
	return err
}

func parse(proof []byte) (*tlogProof, *filePart, error) {
	p, err := parseTlogProof(proof)
	if err != nil {
		return nil, nil, fmt.Errorf("proof: %w", err)
	}
	f, err := parseFilePart(p.extra)
	if err != nil {
		return nil, nil, fmt.Errorf("proof: extra line: %w", err)
	}
	return p, f, nil
}

// Verify checks the proof of one file, in this order: job file with the
// job signer's key, checkpoint with the device key that the job file pins, page
// entry in the log, commitment in the page. With the zero Trust the origin is
// not proven. The file itself is checked with CheckPlain or CheckSHA256.
func Verify(proof []byte, trust wire.Trust) (*Report, error) {
	p, f, err := parse(proof)
	if err != nil {
		return nil, err
	}
	job, origin, err := OpenJob(f.job, trust)
	if err != nil {
		return nil, fmt.Errorf("job file: %w", err)
	}
	r := &Report{Origin: origin}
	if err := r.checkCheckpoint(p.checkpoint, job); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	page, err := r.checkEntry(p, f)
	if err != nil {
		return nil, fmt.Errorf("page entry: %w", err)
	}
	return r, r.checkRecord(page, f)
}

// OpenJob opens the job file that a proof or a statement carries, and says whether its
// origin is proven: with the zero Trust it is not.
func OpenJob(raw []byte, trust wire.Trust) (job *wire.JobFile, origin string, err error) {
	t, origin := &trust, findings.OriginProven
	if len(trust.Key) == 0 && trust.Fingerprint == "" {
		t, origin = nil, findings.OriginUnproven
	}
	if err := t.Validate(); err != nil {
		return nil, origin, err
	}
	job, err = wire.OpenJob(raw, t)
	return job, origin, err
}

func (r *Report) checkCheckpoint(c *wire.Checkpoint, job *wire.JobFile) error {
	who, rest, err := wire.ParseOrigin(c.Origin)
	if err != nil {
		return err
	}
	key := job.Devices[who.Device]
	if rest != "" || who.Job != job.Job || key == nil {
		return fmt.Errorf("%w: the job file does not know origin %q", wire.ErrSignature, c.Origin)
	}
	r.Job, r.Device, r.Generation = who.Job.String(), who.Device.String(), who.Generation
	r.Checkpoint, r.LogSize, r.Root = c.Text, c.Size, c.Root.String()
	return c.Verify(key)
}

func (r *Report) checkEntry(p *tlogProof, f *filePart) (*wire.PageEntry, error) {
	c := p.checkpoint
	if err := tlog.CheckRecord(p.hashes, c.Size, c.Root, p.index, tlog.RecordHash(f.entry)); err != nil {
		return nil, fmt.Errorf("is not in the log: %w", err)
	}
	e, err := wire.ParseEntry(f.entry)
	if err != nil {
		return nil, err
	}
	if e.Page == nil || e.Page.Directory {
		return nil, fmt.Errorf("%w: not a page of records", wire.ErrMalformed)
	}
	r.LogIndex, r.Page = p.index, e.Page.Number
	return e.Page, nil
}

func (r *Report) checkRecord(page *wire.PageEntry, f *filePart) error {
	c := wire.Commitment(f.salt, f.record)
	err := tlog.CheckRecord(f.path, int64(f.count), page.Root, int64(f.index), tlog.RecordHash(c[:]))
	if err != nil {
		return fmt.Errorf("record: is not in the page: %w", err)
	}
	record, err := record.Parse(f.record)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if record.Kind == wire.KindContinuation {
		return fmt.Errorf("%w: record: it continues an entry and is none", wire.ErrMalformed)
	}
	r.Index, r.Commitment, r.Record = f.index, fmt.Sprintf("%x", c), *record
	return nil
}

// CheckSHA256 compares the SHA-256 of a plain file with the record's.
func (r *Report) CheckSHA256(sum [32]byte) error {
	if r.Record.SHA256 == nil {
		return fmt.Errorf("%w: it has no SHA-256 of the whole file", ErrNoDigest)
	}
	if !bytes.Equal(sum[:], r.Record.SHA256) {
		return fmt.Errorf("%w: SHA-256 is %x, not %x", ErrContent, sum, r.Record.SHA256)
	}
	return nil
}

// CheckPlain reads a plain file and compares size and digests: the whole
// digest, or else the digest of every part. Memory does not grow with the file.
func (r *Report) CheckPlain(plain io.Reader) error {
	rec := &r.Record
	switch rec.Kind {
	case wire.KindFile, wire.KindHardLink:
	case wire.KindSymlink:
		got, err := io.ReadAll(io.LimitReader(plain, wire.MaxRecordSize))
		if err != nil {
			return err
		}
		if !bytes.Equal(got, rec.Target) {
			return fmt.Errorf("%w: symlink target", ErrContent)
		}
		return nil
	default:
		return fmt.Errorf("%w: record kind %d has no content", ErrNoDigest, rec.Kind)
	}
	c := &contentCheck{whole: sha256.New(), part: sha256.New(), partSize: rec.PartSize}
	if rec.SHA256 != nil {
		c.partSize = 0
	} else if _, ok := rec.PartsRoot(); !ok {
		return ErrNoDigest
	}
	if err := c.read(plain, rec.Size); err != nil {
		return err
	}
	return c.compare(rec)
}

// contentCheck hashes a stream whole, or part by part into a tree.
type contentCheck struct {
	whole, part hash.Hash
	partSize    uint64 // 0: whole
	parts       wire.TreeStack
	size        uint64
}

func (c *contentCheck) read(r io.Reader, want uint64) error {
	buf := make([]byte, 1<<20)
	for {
		n, err := r.Read(buf)
		c.add(buf[:n])
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if c.size > want {
			break
		}
	}
	if c.size != want {
		return fmt.Errorf("%w: size is not %d bytes", ErrContent, want)
	}
	return nil
}

func (c *contentCheck) add(b []byte) {
	if c.partSize == 0 {
		c.whole.Write(b)
		c.size += uint64(len(b))
		return
	}
	for len(b) > 0 {
		n := min(uint64(len(b)), c.partSize-c.size%c.partSize)
		c.part.Write(b[:n])
		c.size += n
		if c.size%c.partSize == 0 {
			c.closePart()
		}
		b = b[n:]
	}
}

func (c *contentCheck) closePart() {
	c.parts.Push(tlog.RecordHash(c.part.Sum(nil)), 1)
	c.part.Reset()
}

func (c *contentCheck) compare(rec *record.Record) error {
	if c.partSize == 0 {
		if !bytes.Equal(c.whole.Sum(nil), rec.SHA256) {
			return fmt.Errorf("%w: SHA-256 of the whole", ErrContent)
		}
		return nil
	}
	if c.size%c.partSize != 0 {
		c.closePart()
	}
	if want, _ := rec.PartsRoot(); c.parts.Root() != want {
		return fmt.Errorf("%w: SHA-256 of the parts", ErrContent)
	}
	return nil
}
