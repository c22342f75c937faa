package fsck

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
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

// ProofReport is what a proof of one file proves (format.md 7.6).
type ProofReport struct {
	Origin     string `json:"origin"`
	Job        string `json:"job"`
	Device     string `json:"device"`
	Generation uint64 `json:"generation"`
	Checkpoint string `json:"checkpoint"`
	LogSize    int64  `json:"log_size"`
	Root       string `json:"root"`
	LogIndex   int64  `json:"log_index"` // of the page entry
	Page       uint64 `json:"page"`
	Index      uint64 `json:"index"` // of the record in the page, as the proof says: the tree proves membership
	Commitment string `json:"commitment"`
	Record     Record `json:"record"`
}

// tlogProof is the C2SP tlog-proof around ours.
type tlogProof struct {
	extra      []byte
	index      int64
	hashes     tlog.RecordProof
	checkpoint *checkpoint
}

func parseTlogProof(raw []byte) (*tlogProof, error) {
	if len(raw) > maxProofSize {
		return nil, fmt.Errorf("%w: proof of %d bytes", errMalformed, len(raw))
	}
	body, ok := bytes.CutPrefix(raw, []byte(proofMagic))
	if !ok && bytes.HasPrefix(raw, []byte("c2sp.org/tlog-proof@v")) {
		return nil, fmt.Errorf("%w: does not begin with %q", ErrVersion, strings.TrimSpace(proofMagic))
	}
	if !ok {
		return nil, fmt.Errorf("%w: does not begin with %q", errMalformed, strings.TrimSpace(proofMagic))
	}
	head, rest, ok := bytes.Cut(body, []byte("\n\n"))
	if !ok {
		return nil, fmt.Errorf("%w: proof without a checkpoint", errMalformed)
	}
	lines := strings.Split(string(head), "\n")
	if len(lines) < 2 || len(lines) > 2+maxProofPath {
		return nil, fmt.Errorf("%w: proof of %d lines", errMalformed, len(lines))
	}
	p := &tlogProof{}
	if err := p.lines(lines); err != nil {
		return nil, err
	}
	var err error
	p.checkpoint, err = parseCheckpoint(rest)
	return p, err
}

func (p *tlogProof) lines(lines []string) error {
	extra, ok := strings.CutPrefix(lines[0], "extra ")
	index, ok2 := strings.CutPrefix(lines[1], "index ")
	if !ok || !ok2 {
		return fmt.Errorf("%w: proof lines", errMalformed)
	}
	var err error
	if p.extra, err = unbase64(extra); err != nil {
		return fmt.Errorf("%w: extra line: %v", errMalformed, err)
	}
	n, err := decimal(index)
	if err != nil || n >= maxLogSize {
		return fmt.Errorf("%w: index %q", errMalformed, index)
	}
	p.index = int64(n)
	for _, line := range lines[2:] {
		h, err := unbase64(line)
		if err != nil || len(h) != 32 {
			return fmt.Errorf("%w: proof hash %q", errMalformed, line)
		}
		p.hashes = append(p.hashes, hashOf(h))
	}
	return nil
}

// Part is the extra line: the page entry, the record and its place in the page.
type filePart struct {
	entry, record, salt []byte
	index, count        uint64
	path                tlog.RecordProof
	job                 []byte
}

var proofFields = schema{
	bytesField(1, 1, maxEntrySize), bytesField(2, 1, maxRecordSize), bytesField(3, 32, 32), uintField(4), uintField(5),
	hashesField(6, 10), bytesField(7, 1, maxJobSize),
}

func parseFilePart(b []byte) (*filePart, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("%w: no extra line", errMalformed)
	}
	if b[0] != formatVersion {
		return nil, fmt.Errorf("%w: version %d", ErrVersion, b[0])
	}
	m, err := parseFields(b[1:], proofFields)
	if err != nil {
		return nil, err
	}
	if err := m.need(1, 2, 3, 5, 7); err != nil {
		return nil, err
	}
	f := &filePart{entry: m.bytes(1), record: m.bytes(2), salt: m.bytes(3), index: m.uint(4), count: m.uint(5), job: m.bytes(7)}
	if f.count > maxRecordsPerPage || f.index >= f.count {
		return nil, fmt.Errorf("%w: record %d of %d", errMalformed, f.index, f.count)
	}
	for h := m.bytes(6); len(h) > 0; h = h[32:] {
		f.path = append(f.path, hashOf(h))
	}
	return f, nil
}

// VerifyProof checks the proof of one file, in this order: job file with the
// job signer's key, checkpoint with the device key that the job file pins, page
// entry in the log, commitment in the page. With the zero Trust the origin is
// not proven. The file itself is checked with CheckPlain or CheckSHA256.
func VerifyProof(proof []byte, trust Trust) (*ProofReport, error) {
	p, err := parseTlogProof(proof)
	if err != nil {
		return nil, fmt.Errorf("proof: %w", err)
	}
	f, err := parseFilePart(p.extra)
	if err != nil {
		return nil, fmt.Errorf("proof: extra line: %w", err)
	}
	r := &ProofReport{Origin: OriginUnproven}
	job, err := r.openJob(f.job, trust)
	if err != nil {
		return nil, fmt.Errorf("job file: %w", err)
	}
	if err := r.checkCheckpoint(p.checkpoint, job); err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	page, err := r.checkEntry(p, f)
	if err != nil {
		return nil, fmt.Errorf("page entry: %w", err)
	}
	return r, r.checkRecord(page, f)
}

func (r *ProofReport) openJob(raw []byte, trust Trust) (*jobFile, error) {
	t := &trust
	if len(trust.Key) == 0 && trust.Fingerprint == "" {
		t = nil
	} else {
		r.Origin = OriginProven
	}
	if err := t.validate(); err != nil {
		return nil, err
	}
	return openJob(raw, t)
}

func (r *ProofReport) checkCheckpoint(c *checkpoint, job *jobFile) error {
	who, rest, err := parseOrigin(c.origin)
	if err != nil {
		return err
	}
	key := job.devices[who.device]
	if rest != "" || who.job != job.job || key == nil {
		return fmt.Errorf("%w: the job file does not know origin %q", errSignature, c.origin)
	}
	r.Job, r.Device, r.Generation = who.job.String(), who.device.String(), who.generation
	r.Checkpoint, r.LogSize, r.Root = c.text, c.size, c.root.String()
	return c.verify(key)
}

func (r *ProofReport) checkEntry(p *tlogProof, f *filePart) (*pageEntry, error) {
	c := p.checkpoint
	if err := tlog.CheckRecord(p.hashes, c.size, c.root, p.index, tlog.RecordHash(f.entry)); err != nil {
		return nil, fmt.Errorf("is not in the log: %w", err)
	}
	e, err := parseEntry(f.entry)
	if err != nil {
		return nil, err
	}
	if e.page == nil || e.page.directory {
		return nil, fmt.Errorf("%w: not a page of records", errMalformed)
	}
	r.LogIndex, r.Page = p.index, e.page.number
	return e.page, nil
}

func (r *ProofReport) checkRecord(page *pageEntry, f *filePart) error {
	c := commitment(f.salt, f.record)
	err := tlog.CheckRecord(f.path, int64(f.count), page.root, int64(f.index), tlog.RecordHash(c[:]))
	if err != nil {
		return fmt.Errorf("record: is not in the page: %w", err)
	}
	record, err := ParseRecord(f.record)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if record.Kind == KindContinuation {
		return fmt.Errorf("%w: record: it continues an entry and is none", errMalformed)
	}
	r.Index, r.Commitment, r.Record = f.index, fmt.Sprintf("%x", c), *record
	return nil
}

func commitment(salt, message []byte) [32]byte {
	mac := hmac.New(sha256.New, salt)
	mac.Write(message)
	return [32]byte(mac.Sum(nil))
}

// CheckSHA256 compares the SHA-256 of a plain file with the record's.
func (r *ProofReport) CheckSHA256(sum [32]byte) error {
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
func (r *ProofReport) CheckPlain(plain io.Reader) error {
	rec := &r.Record
	switch rec.Kind {
	case KindFile, KindHardLink:
	case KindSymlink:
		got, err := io.ReadAll(io.LimitReader(plain, maxRecordSize))
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
	} else if _, ok := rec.partsRoot(); !ok {
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
	parts       treeStack
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
	c.parts.push(tlog.RecordHash(c.part.Sum(nil)), 1)
	c.part.Reset()
}

func (c *contentCheck) compare(rec *Record) error {
	if c.partSize == 0 {
		if !bytes.Equal(c.whole.Sum(nil), rec.SHA256) {
			return fmt.Errorf("%w: SHA-256 of the whole", ErrContent)
		}
		return nil
	}
	if c.size%c.partSize != 0 {
		c.closePart()
	}
	if want, _ := rec.partsRoot(); c.parts.root() != want {
		return fmt.Errorf("%w: SHA-256 of the parts", ErrContent)
	}
	return nil
}
