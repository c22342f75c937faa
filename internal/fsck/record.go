package fsck

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Kinds of record (format.md 7.2).
const (
	KindFile         = 1
	KindDirectory    = 2
	KindSymlink      = 3
	KindHardLink     = 4
	KindSkipped      = 5
	KindContinuation = 6
	KindWithdrawn    = 7
)

// kindNames are for counts of what was left out.
var kindNames = map[uint64]string{KindFile: "file", KindDirectory: "directory", KindSymlink: "symlink", KindHardLink: "hard link", KindSkipped: "skipped"}

const (
	wholeDigest = 11
	partsField  = 15
	partUnit    = 16 << 20
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

	continuation   continuation
	attributeBytes uint64
	attribute      []byte // the last name of an attribute
	covered        uint64 // bytes of the content that extents cover so far
	unitSums       uint64
	follows        bool // items of some list are in continuation records
}

type continuation struct {
	number, field, first uint64
	items                []byte // a list
}

var recordFields = schema{
	uintField(1), bytesField(2, 1, maxPathSize+1), uintField(3), uintField(4).optional(), uintField(5).optional(), uintField(6).optional(),
	bytesField(7, 1, maxRecordSize).optional(), bytesField(8, 1, maxRecordSize).optional(), timeField(9), timeField(10),
	bytesField(11, 32, 32).optional(), bytesField(12, 8, 8).optional(), uintField(13),
	bytesField(15, 1, maxRecordSize).optional(), bytesField(16, 1, maxRecordSize).optional(), bytesField(17, 1, maxRecordSize),
	bytesField(18, 1, maxRecordSize).optional(), bytesField(19, 1, maxRecordSize), uintField(20).optional(), bytesField(21, 1, maxPathSize),
	bytesField(22, 1, 64), bytesField(23, 1, maxRecordSize).optional(), uintField(24), uintField(25), uintField(26), listField(27, maxRecordSize),
	uintField(34).optional(), bytesField(35, 1, 64).optional(), bytesField(36, 1, maxRecordSize).optional(),
}

var listFormFields = schema{uintField(1), bytesField(2, 32, 32).optional(), listField(3, maxRecordSize).optional()}

// ParseRecord reads the bytes of a record.
func ParseRecord(b []byte) (*Record, error) {
	if len(b) > maxRecordSize {
		return nil, fmt.Errorf("%w: record of %d bytes", errMalformed, len(b))
	}
	m, err := parseFields(b, recordFields)
	if err != nil {
		return nil, err
	}
	if err := m.need(1, 2); err != nil {
		return nil, err
	}
	path := m.bytes(2)
	if m.uint(1) == KindContinuation {
		path = bytes.TrimSuffix(path, []byte("/")) // it has the order key of its entry
	}
	if !validPath(path) || len(path) > maxPathSize {
		return nil, fmt.Errorf("%w: path %q", errMalformed, m.bytes(2))
	}
	r := &Record{Kind: m.uint(1), Path: m.bytes(2), Size: m.uint(3), Mode: m.uint(4), SHA256: m.bytes(wholeDigest), CRC64: m.bytes(12),
		PartSize: m.uint(13), Skipped: string(m.bytes(22)), Remark: string(m.bytes(35)), Details: string(m.bytes(36)), Target: m.bytes(19)}
	if r.Kind == KindSkipped {
		r.Details = string(m.bytes(23))
	}
	r.MTime, _ = m.time(9)
	if r.Kind < KindFile || r.Kind > KindContinuation {
		return nil, fmt.Errorf("%w: record kind %d", ErrVersion, r.Kind)
	}
	if r.Kind == KindHardLink {
		r.Target = m.bytes(21)
	}
	r.continuation = continuation{m.uint(24), m.uint(25), m.uint(26), m.bytes(27)}
	if err := firstOf(r.checkLists(m), r.readParts(m)); err != nil {
		return nil, err
	}
	return r, r.check(m)
}

// readParts takes field 15 in list form: items, or count and root of items that follow.
func (r *Record) readParts(m message) error {
	if !m.has(partsField) {
		if m.has(13) {
			return fmt.Errorf("%w: part size without part digests", errMalformed)
		}
		return nil
	}
	l, err := parseFields(m.bytes(partsField), listFormFields)
	if err != nil {
		return err
	}
	if err := l.need(1); err != nil {
		return err
	}
	r.PartCount = l.uint(1)
	if r.PartSize == 0 || (r.Size+r.PartSize-1)/r.PartSize != r.PartCount || r.Size+r.PartSize < r.Size {
		return fmt.Errorf("%w: %d parts of %d bytes in %d", errMalformed, r.PartCount, r.PartSize, r.Size)
	}
	if l.has(2) == l.has(3) {
		return fmt.Errorf("%w: part digests with both items and root, or neither", errMalformed)
	}
	if l.has(2) {
		r.PartRoot = l.bytes(2)
		return nil
	}
	err = eachItem(l.bytes(3), func(item []byte) error {
		if len(item) != 32 {
			return fmt.Errorf("%w: part digest of %d bytes", errMalformed, len(item))
		}
		r.PartDigests = append(r.PartDigests, [32]byte(item))
		return nil
	})
	if err == nil && uint64(len(r.PartDigests)) != r.PartCount {
		err = fmt.Errorf("%w: %d part digests of %d", errMalformed, len(r.PartDigests), r.PartCount)
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

// orderKey is the path, followed by "/" for a directory; a continuation record
// has its entry's as it is.
func (r *Record) orderKey() []byte {
	if r.Kind == KindDirectory {
		return append(bytes.Clone(r.Path), '/')
	}
	return r.Path
}

// partsRoot is the root over part digests in either form.
func (r *Record) partsRoot() (tlog.Hash, bool) {
	if r.PartRoot != nil {
		return hashOf(r.PartRoot), true
	}
	if r.PartDigests == nil {
		return tlog.Hash{}, false
	}
	var t treeStack
	for _, d := range r.PartDigests {
		t.push(tlog.RecordHash(d[:]), 1)
	}
	return t.root(), true
}

// content is the size of the object that a record becomes.
func (r *Record) content() uint64 {
	switch r.Kind {
	case KindDirectory:
		return 0
	case KindSymlink:
		return uint64(len(r.Target))
	}
	return r.Size
}

// wholeSum is the SHA-256 of the object that a record becomes; nil if the record does not
// have it.
func (r *Record) wholeSum() []byte {
	switch r.Kind {
	case KindDirectory:
		sum := sha256.Sum256(nil)
		return sum[:]
	case KindSymlink:
		sum := sha256.Sum256(r.Target)
		return sum[:]
	}
	return r.SHA256
}
