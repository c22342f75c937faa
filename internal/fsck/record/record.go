package record

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

const (
	WholeDigest = 11
	PartsField  = 15
	PartUnit    = 16 << 20
)

// Record is the manifest's description of one entry, as far as it can be
// checked without the key.
type Record struct {
	Kind    uint64    `json:"kind"`
	Path    []byte    `json:"path"` // of a continuation: the order key of its entry
	Size    uint64    `json:"size"`
	Mode    uint64    `json:"mode,omitempty"`
	MTime   time.Time `json:"mtime,omitzero"`
	Target  []byte    `json:"target,omitempty"`  // of a symlink, or the first name of a hard link
	Skipped string    `json:"skipped,omitempty"` // reason code
	Remark  string    `json:"remark,omitempty"`  // reason code: a later look failed, this is the last good version
	Details string    `json:"details,omitempty"` // of Skipped or Remark
	SHA256  []byte    `json:"sha256,omitempty"`  // of the whole content; nil: not recorded
	CRC64   []byte    `json:"crc64nvme,omitempty"`

	PartSize    uint64     `json:"part_size,omitempty"` // 0: the content is one part
	PartCount   uint64     `json:"part_count,omitempty"`
	PartDigests [][32]byte `json:"part_digests,omitempty"` // nil if they are under PartRoot
	PartRoot    []byte     `json:"part_root,omitempty"`

	Continuation   Continuation `json:"-"`
	AttributeBytes uint64       `json:"-"`
	attribute      []byte       // the last name of an attribute
	covered        uint64       // bytes of the content that extents cover so far
	unitSums       uint64
	follows        bool // items of some list are in continuation records
}

// Continuation is what a continuation record adds to a list of its entry.
type Continuation struct {
	Number, Field, First uint64
	Items                []byte // a list
}

var RecordFields = wire.Schema{
	wire.UintField(1), wire.BytesField(2, 1, wire.MaxPathSize+1), wire.UintField(3), wire.UintField(4).Optional(), wire.UintField(5).Optional(), wire.UintField(6).Optional(),
	wire.BytesField(7, 1, wire.MaxRecordSize).Optional(), wire.BytesField(8, 1, wire.MaxRecordSize).Optional(), wire.TimeField(9), wire.TimeField(10),
	wire.BytesField(11, 32, 32).Optional(), wire.BytesField(12, 8, 8).Optional(), wire.UintField(13),
	wire.BytesField(15, 1, wire.MaxRecordSize).Optional(), wire.BytesField(16, 1, wire.MaxRecordSize).Optional(), wire.BytesField(17, 1, wire.MaxRecordSize),
	wire.BytesField(18, 1, wire.MaxRecordSize).Optional(), wire.BytesField(19, 1, wire.MaxRecordSize), wire.UintField(20).Optional(), wire.BytesField(21, 1, wire.MaxPathSize),
	wire.BytesField(22, 1, 64), wire.BytesField(23, 1, wire.MaxRecordSize).Optional(), wire.UintField(24), wire.UintField(25), wire.UintField(26), wire.ListField(27, wire.MaxRecordSize),
	wire.UintField(34).Optional(), wire.BytesField(35, 1, 64).Optional(), wire.BytesField(36, 1, wire.MaxRecordSize).Optional(),
}

var ListFormFields = wire.Schema{wire.UintField(1), wire.BytesField(2, 32, 32).Optional(), wire.ListField(3, wire.MaxRecordSize).Optional()}

// Parse reads the bytes of a record.
func Parse(b []byte) (*Record, error) {
	if len(b) > wire.MaxRecordSize {
		return nil, fmt.Errorf("%w: record of %d bytes", wire.ErrMalformed, len(b))
	}
	m, err := wire.ParseFields(b, RecordFields)
	if err != nil {
		return nil, err
	}
	if err := m.Need(1, 2); err != nil {
		return nil, err
	}
	path := m.Bytes(2)
	if m.Uint(1) == wire.KindContinuation {
		path = bytes.TrimSuffix(path, []byte("/")) // it has the order key of its entry
	}
	if !validPath(path) || len(path) > wire.MaxPathSize {
		return nil, fmt.Errorf("%w: path %q", wire.ErrMalformed, m.Bytes(2))
	}
	r := &Record{Kind: m.Uint(1), Path: m.Bytes(2), Size: m.Uint(3), Mode: m.Uint(4), SHA256: m.Bytes(WholeDigest), CRC64: m.Bytes(12),
		PartSize: m.Uint(13), Skipped: string(m.Bytes(22)), Remark: string(m.Bytes(35)), Details: string(m.Bytes(36)), Target: m.Bytes(19)}
	if r.Kind == wire.KindSkipped {
		r.Details = string(m.Bytes(23))
	}
	r.MTime, _ = m.Time(9)
	if r.Kind < wire.KindFile || r.Kind > wire.KindContinuation {
		return nil, fmt.Errorf("%w: record kind %d", wire.ErrVersion, r.Kind)
	}
	if r.Kind == wire.KindHardLink {
		r.Target = m.Bytes(21)
	}
	r.Continuation = Continuation{m.Uint(24), m.Uint(25), m.Uint(26), m.Bytes(27)}
	if err := wire.FirstOf(r.checkLists(m), r.readParts(m)); err != nil {
		return nil, err
	}
	return r, r.check(m)
}

// readParts takes field 15 in list form: items, or count and root of items that follow.
func (r *Record) readParts(m wire.Message) error {
	if !m.Has(PartsField) {
		if m.Has(13) {
			return fmt.Errorf("%w: part size without part digests", wire.ErrMalformed)
		}
		return nil
	}
	l, err := wire.ParseFields(m.Bytes(PartsField), ListFormFields)
	if err != nil {
		return err
	}
	if err := l.Need(1); err != nil {
		return err
	}
	r.PartCount = l.Uint(1)
	if r.PartSize == 0 || (r.Size+r.PartSize-1)/r.PartSize != r.PartCount || r.Size+r.PartSize < r.Size {
		return fmt.Errorf("%w: %d parts of %d bytes in %d", wire.ErrMalformed, r.PartCount, r.PartSize, r.Size)
	}
	if l.Has(2) == l.Has(3) {
		return fmt.Errorf("%w: part digests with both items and root, or neither", wire.ErrMalformed)
	}
	if l.Has(2) {
		r.PartRoot = l.Bytes(2)
		return nil
	}
	err = wire.EachItem(l.Bytes(3), func(item []byte) error {
		if len(item) != 32 {
			return fmt.Errorf("%w: part digest of %d bytes", wire.ErrMalformed, len(item))
		}
		r.PartDigests = append(r.PartDigests, [32]byte(item))
		return nil
	})
	if err == nil && uint64(len(r.PartDigests)) != r.PartCount {
		err = fmt.Errorf("%w: %d part digests of %d", wire.ErrMalformed, len(r.PartDigests), r.PartCount)
	}
	return err
}

// validPath holds a path to format.md 7.1.
func validPath(p []byte) bool {
	if len(p) == 0 || bytes.IndexByte(p, 0) >= 0 {
		return false
	}
	for part := range bytes.SplitSeq(p, []byte("/")) {
		if len(part) == 0 || string(part) == "." || string(part) == ".." {
			return false
		}
	}
	return true
}

// OrderKey is the path, followed by "/" for a directory; a continuation record
// has its entry's as it is.
func (r *Record) OrderKey() []byte {
	if r.Kind == wire.KindDirectory {
		return append(bytes.Clone(r.Path), '/')
	}
	return r.Path
}

// PartsRoot is the root over part digests in either form.
func (r *Record) PartsRoot() (tlog.Hash, bool) {
	if r.PartRoot != nil {
		return wire.HashOf(r.PartRoot), true
	}
	if r.PartDigests == nil {
		return tlog.Hash{}, false
	}
	var t wire.TreeStack
	for _, d := range r.PartDigests {
		t.Push(tlog.RecordHash(d[:]), 1)
	}
	return t.Root(), true
}

// Content is the size of the object that a record becomes.
func (r *Record) Content() uint64 {
	switch r.Kind {
	case wire.KindDirectory:
		return 0
	case wire.KindSymlink:
		return uint64(len(r.Target))
	}
	return r.Size
}

// WholeSum is the SHA-256 of the object that a record becomes; nil if the record does not
// have it.
func (r *Record) WholeSum() []byte {
	switch r.Kind {
	case wire.KindDirectory:
		sum := sha256.Sum256(nil)
		return sum[:]
	case wire.KindSymlink:
		sum := sha256.Sum256(r.Target)
		return sum[:]
	}
	return r.SHA256
}
