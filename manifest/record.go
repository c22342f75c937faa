package manifest

import (
	"fmt"
	"time"
)

// Kind is what a record describes.
type Kind uint8

// Kinds of records (section 7.2).
const (
	KindFile Kind = iota + 1
	KindDir
	KindSymlink
	KindHardlink
	KindSkipped
	KindContinuation
	kindWithdrawn // reserved
)

var kindNames = [...]string{"", "file", "directory", "symlink", "hard link", "skipped", "continuation"}

func (k Kind) String() string {
	if int(k) < len(kindNames) && k > 0 {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Extent is a run of an entry's bytes inside a pack, or a hole.
type Extent struct {
	Offset     int64 // in the entry's content
	Length     int64
	Pack       uint64 // number of the pack in the log
	PackOffset int64  // in the pack's plaintext
	Hole       bool
}

// Xattr is one extended attribute.
type Xattr struct {
	Name  string
	Value []byte
}

// Record describes one entry of the source. Lists (parts, unit CRCs, extents,
// xattrs) are whole here; Encode moves long ones into continuation records and
// Joiner puts them back.
type Record struct {
	Kind      Kind
	Path      string // bytes, kept exactly
	Size      int64
	Mode      uint32 // 07777
	UID, GID  uint32
	Owner     string
	Group     string
	Mtime     time.Time
	Ctime     time.Time
	SHA256    []byte   // of the whole content; nil if not recorded
	CRC       uint64   // CRC64NVME of the whole content
	HasCRC    bool     //
	PartSize  int64    // 0: the content is one part
	Parts     [][]byte // SHA-256 of each part, if more than one part
	UnitCRCs  []uint64 // CRC64NVME of each 16 MiB unit, if longer than 16 MiB
	Extents   []Extent
	Xattrs    []Xattr
	Target    string // of a symlink
	LinkGroup uint64
	LinkTo    string // hard link: path of the first name
	Reason    string // skipped
	Detail    string // skipped
	Allocated int64  // allocated bytes at the source, if sparse

	// A later look at the entry failed, or could not keep all of it: what is
	// recorded is the last good version. Reason codes are those of skipped entries,
	// and "attributes".
	Remark       string
	RemarkDetail string

	pending *[4]pendingList // lists that continue in further records
}

// OrderKey is the record's place in the manifest: the path, and for a directory a slash.
func (r *Record) OrderKey() string {
	if r.Kind == KindDir {
		return r.Path + "/"
	}
	return r.Path
}

// DataLength is the number of content bytes that count in the totals of a manifest, a
// device's status, a list and a receipt. A file with several names counts once for each
// name, though it is stored once: each name is an entry, and an object of an import. A
// symbolic link counts by its target.
func (r *Record) DataLength() int64 {
	switch r.Kind {
	case KindFile, KindSymlink, KindHardlink:
		return r.Size
	}
	return 0
}

// PartSizeFor is the rule of section 7.2: 16 MiB up to 10,000 parts, then the
// smallest multiple of 16 MiB that fits. Zero means one part.
func PartSizeFor(size int64) int64 {
	if size <= UnitSize {
		return 0
	}
	units := (size + UnitSize - 1) / UnitSize
	return (units + MaxParts - 1) / MaxParts * UnitSize
}

// UnitSize is the unit of the CRC list and the smallest part; MaxParts is S3's limit.
const (
	UnitSize = 16 << 20
	MaxParts = 10000
)
