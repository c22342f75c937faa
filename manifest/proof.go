package manifest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/internal/fields"
)

// Proof shows with public keys alone that a record stands in a sealed manifest
// (section 7.6, c2sp.org/tlog-proof).
type Proof struct {
	Position   uint64 // of the page entry in the log
	LogPath    [][32]byte
	Checkpoint []byte
	PageEntry  []byte
	Record     []byte
	Salt       [32]byte
	Index      int // of the record in its page
	PageSize   int // records in the page
	PagePath   [][32]byte
	JobFile    []byte
}

const proofHeader = "c2sp.org/tlog-proof@v1\n"

// NewProof proves record number i of an opened page.
func NewProof(k *Keys, log *LogReader, jobFile []byte, position uint64, page *Page, i int) (*Proof, error) {
	entry, err := log.Entry(position)
	if err != nil {
		return nil, err
	}
	path, err := log.Inclusion(position)
	if err != nil {
		return nil, err
	}
	leaves := make([][32]byte, len(page.Records))
	for n, r := range page.Records {
		c := Commitment(k.Salt(page.IndexPack, page.Number, n), r)
		leaves[n] = LeafHash(c[:])
	}
	return &Proof{Position: position, LogPath: path, Checkpoint: log.cp.Text, PageEntry: entry, Record: page.Records[i],
		Salt: k.Salt(page.IndexPack, page.Number, i), Index: i, PageSize: len(leaves), PagePath: inclusionPath(leaves, i), JobFile: jobFile}, nil
}

// extra are the fields of the extra line.
func (p *Proof) extra() fields.Form {
	return fields.Form{
		fields.Blob(1, true, &p.PageEntry, -1),
		fields.Blob(2, true, &p.Record, -1),
		fields.Array(3, true, p.Salt[:]),
		fields.Uint(4, true, &p.Index, MaxPageRecords),
		fields.Uint(5, true, &p.PageSize, MaxPageRecords),
		hashes(6, true, &p.PagePath),
		fields.Blob(7, true, &p.JobFile, -1),
	}
}

// Encode returns the proof's text.
func (p *Proof) Encode() []byte {
	w := fields.NewWriter([]byte{Version})
	p.extra().Write(w)
	var b bytes.Buffer
	fmt.Fprintf(&b, "%sextra %s\nindex %d\n", proofHeader, base64.StdEncoding.EncodeToString(w.Bytes()), p.Position)
	for _, h := range p.LogPath {
		fmt.Fprintf(&b, "%s\n", base64.StdEncoding.EncodeToString(h[:]))
	}
	b.WriteByte('\n')
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// MaxProof bounds a proof file.
const MaxProof = 4 << 20

// ParseProof reads a proof's text; nothing in it is verified yet.
func ParseProof(b []byte) (*Proof, error) {
	bad := func(text string) error { return fmt.Errorf("%w: proof: %s", ErrCorrupt, text) }
	if len(b) > MaxProof {
		return nil, bad("too long")
	}
	rest, ok := bytes.CutPrefix(b, []byte(proofHeader))
	if !ok {
		return nil, bad("the first line is not " + proofHeader[:len(proofHeader)-1])
	}
	head, checkpoint, ok := bytes.Cut(rest, []byte("\n\n"))
	if !ok {
		return nil, bad("no checkpoint")
	}
	lines := bytes.Split(head, []byte("\n"))
	if len(lines) < 2 || len(lines) > 66 {
		return nil, bad("wrong number of lines")
	}
	extra, ok1 := bytes.CutPrefix(lines[0], []byte("extra "))
	index, ok2 := bytes.CutPrefix(lines[1], []byte("index "))
	if !ok1 || !ok2 {
		return nil, bad("no extra or index line")
	}
	p := &Proof{Checkpoint: checkpoint}
	var err error
	if p.Position, err = strconv.ParseUint(string(index), 10, 62); err != nil || p.Position >= maxLogSize || strconv.FormatUint(p.Position, 10) != string(index) {
		return nil, bad("index")
	}
	for _, line := range lines[2:] {
		h, err := decodeBase64(string(line))
		if err != nil || len(h) != 32 {
			return nil, bad("path")
		}
		p.LogPath = append(p.LogPath, [32]byte(h))
	}
	raw, err := decodeBase64(string(extra))
	if err != nil || len(raw) == 0 {
		return nil, bad("extra line")
	}
	if raw[0] != Version {
		return nil, fmt.Errorf("proof of version %d: %w", raw[0], ErrUnsupportedVersion)
	}
	if err := p.decodeExtra(raw[1:]); err != nil {
		return nil, fmt.Errorf("%w: proof: %w", ErrCorrupt, err)
	}
	return p, nil
}

func (p *Proof) decodeExtra(b []byte) error {
	err := p.extra().Read(b)
	if err == nil && (p.PageEntry == nil || p.Record == nil || p.Salt == [32]byte{} || p.Index >= p.PageSize || p.JobFile == nil) {
		err = fmt.Errorf("incomplete extra line")
	}
	return err
}

// decodeBase64 refuses what Go's strict decoder still skips: line ends.
func decodeBase64(s string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err == nil && base64.StdEncoding.EncodedLen(len(b)) != len(s) {
		err = base64.CorruptInputError(len(s))
	}
	return b, err
}

// Verify checks the whole chain from the job signer's key down and returns the
// job, the verified checkpoint and the record.
func (p *Proof) Verify(signer ed25519.PublicKey) (*Job, Checkpoint, *Record, error) {
	job, err := OpenJob(p.JobFile, signer)
	if err != nil {
		return nil, Checkpoint{}, nil, err
	}
	cp, err := p.openCheckpoint(job)
	if err != nil {
		return nil, cp, nil, err
	}
	if err := checkInclusion(p.LogPath, cp.Size, p.Position, LeafHash(p.PageEntry), cp.Root); err != nil {
		return nil, cp, nil, err
	}
	entry, err := DecodeEntry(p.PageEntry)
	if err != nil {
		return nil, cp, nil, err
	}
	if entry.Page == nil || entry.Page.Directory {
		return nil, cp, nil, fmt.Errorf("%w: proof: log entry is not a page of records", ErrCorrupt)
	}
	c := Commitment(p.Salt, p.Record)
	if err := checkInclusion(p.PagePath, uint64(p.PageSize), uint64(p.Index), LeafHash(c[:]), entry.Page.Root); err != nil {
		return nil, cp, nil, err
	}
	r, cont, err := decodeAny(p.Record)
	if err == nil && cont.is() {
		err = fmt.Errorf("%w: proof: of a continuation record, not of an entry", ErrCorrupt)
	}
	if err != nil {
		return nil, cp, nil, err
	}
	return job, cp, r, nil
}

// openCheckpoint tries the devices that the job pins; the origin names one.
func (p *Proof) openCheckpoint(job *Job) (Checkpoint, error) {
	origin, _, _ := bytes.Cut(p.Checkpoint, []byte("\n"))
	for _, d := range job.Devices {
		scope := Scope{Job: job.ID, Device: d.ID}
		text, ok := strings.CutPrefix(string(origin), strings.TrimSuffix(scope.Origin(), "0"))
		generation, err := strconv.ParseUint(text, 10, 32)
		scope.Generation = uint32(generation)
		if ok && err == nil && scope.Origin() == string(origin) {
			return OpenCheckpoint(p.Checkpoint, scope.Origin(), d.PublicKey.PublicKey)
		}
	}
	return Checkpoint{}, fmt.Errorf("%w: proof: the checkpoint is of no device of this job", ErrUnverified)
}
