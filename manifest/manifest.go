// Package manifest holds what sledge writes down about a device's load and
// signs: the job file, the public log (start, wraps, packs, pages, end), the
// encrypted pages of records, the checkpoint, the seal statement and the proof
// of one file. docs/format.md is the specification; section numbers in this
// package refer to it.
//
// A record describes one entry of the source. Up to 1,024 records make a page;
// a page is encrypted, and the log commits to it by the root over salted
// commitments of its records. The log's root is signed in the checkpoint. So
// who holds the checkpoint can check everything below it, and one record, its
// salt and two short paths prove one file.
//
// Nothing here touches a disk or a network.
package manifest

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// Version is the only format version that this package writes and reads.
const Version = 1

// Errors by what the caller should do.
var (
	// ErrCorrupt: bytes that no writer of this format made; another copy may be good.
	ErrCorrupt = errors.New("corrupt")
	// ErrUnverified: a signature or a commitment does not fit; stop, do not interpret.
	ErrUnverified = errors.New("not verified")
	// ErrUnsupportedVersion: made by newer software; upgrade.
	ErrUnsupportedVersion = errors.New("unsupported format version")
)

// Limits of docs/format.md section 2.
const (
	MaxEntry      = 4096
	MaxRecord     = 65536
	MaxPath       = 4096
	MaxShards     = 32
	MaxBays       = 64
	MinBlock      = 4096
	MaxBlock      = 16 << 20
	MaxStatement  = 1 << 20
	MaxWrap       = 64 << 10
	MaxCheckpoint = 64 << 10
	MaxBody       = int64(1) << 40
)

// ID is a job, device, disk, pack or file id: 16 bytes.
type ID [16]byte

// String returns the id as 32 hexadecimal characters.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// IsZero tells whether the id was never set.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText and UnmarshalText make ids hexadecimal in JSON.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads 32 lower-case hexadecimal characters.
func (id *ID) UnmarshalText(b []byte) error {
	got, err := ParseID(string(b))
	if err == nil {
		*id = got
	}
	return err
}

// ParseID reads an id's text form.
func ParseID(s string) (ID, error) {
	var id ID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) || hex.EncodeToString(b) != s {
		return id, fmt.Errorf("%q is not an id of 32 lower-case hexadecimal characters", s)
	}
	copy(id[:], b)
	return id, nil
}

// Scope names what every key, tag and signature of a load is bound to.
type Scope struct {
	Job        ID
	Device     ID
	Generation uint32
}

// bind appends label, 0x00 and the scope.
func (s Scope) bind(label string) []byte {
	b := make([]byte, 0, len(label)+1+36+24)
	b = append(b, label...)
	b = append(b, 0)
	b = append(b, s.Job[:]...)
	b = append(b, s.Device[:]...)
	return append(b, byte(s.Generation>>24), byte(s.Generation>>16), byte(s.Generation>>8), byte(s.Generation))
}

// Bytes is the scope as signed beside a pack entry: job, device, generation.
func (s Scope) Bytes() []byte { return s.bind("")[1:] }

// PackAD is the associated data of a pack's FLOE stream (section 4.2).
func (s Scope) PackAD(pack ID) []byte { return append(s.bind("sledge/1 pack"), pack[:]...) }

// PageAD is the associated data of a page's FLOE stream (section 4.2).
func (s Scope) PageAD(indexPack ID, page uint64) []byte {
	return appendU64(append(s.bind("sledge/1 page"), indexPack[:]...), page)
}

// Origin is the checkpoint's first line and the device key's name (section 5.1).
func (s Scope) Origin() string {
	return fmt.Sprintf("sledge/%s/%s/%d", s.Job, s.Device, s.Generation)
}

func appendU64(b []byte, v uint64) []byte {
	return append(b, byte(v>>56), byte(v>>48), byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}
