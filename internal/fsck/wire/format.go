package wire

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc64"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// Numbers of format.md, version 1.
const (
	FormatVersion = 1

	MaxShards         = 32
	MaxBays           = 64
	maxGeneration     = 1<<32 - 1
	minBlockSize      = 4096
	maxBlockSize      = 1 << 24
	MaxBody           = 1 << 40
	MaxEntrySize      = 4096
	MaxRecordSize     = 65536
	MaxPathSize       = 4096
	MaxJobSize        = 1 << 20
	MaxStatementSize  = 1 << 20
	MaxWrapSize       = 64 << 10
	MaxCheckpointSize = 64 << 10
	MaxPagesPerIndex  = 1024
	MaxRecordsPerPage = 1024
	MaxLogSize        = 1 << 40

	SegmentSize     = 1 << 20
	FloeHeaderSize  = 74
	SegmentOverhead = 32
	maxSegments     = 1 << 20
	PageUnit        = 65536
	maxPagePlain    = 983040
	FirstPathBox    = 1054
	TotalsBox       = 12 + 256 + 16
)

// CrcTable is CRC64NVME; hash/crc64 complements before and after as it asks.
var CrcTable = crc64.MakeTable(0x9a6c9329ac4bc9b5)

type ID [16]byte

func (i ID) String() string { return hex.EncodeToString(i[:]) }

// ParseID takes 32 lower-case hexadecimal digits, and no other writing.
func ParseID(text string) (ID, error) {
	var i ID
	if len(text) != 32 {
		return i, fmt.Errorf("%w: id of %d characters", ErrMalformed, len(text))
	}
	if !LowerHex(text) {
		return i, fmt.Errorf("%w: id %q", ErrMalformed, text)
	}
	_, err := hex.Decode(i[:], []byte(text))
	return i, err
}

// LowerHex holds for an empty text, too.
func LowerHex(text string) bool {
	for i := range len(text) {
		c := text[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

// Ceil4k rounds bytes up to blocks of 4 KiB.
func Ceil4k(n int64) int64 { return (n + 4095) &^ 4095 }

func powerOfTwo(n int64) bool { return n > 0 && bits.OnesCount64(uint64(n)) == 1 }

// HashOf takes the first 32 bytes of b; what is missing is zero.
func HashOf(b []byte) (h tlog.Hash) {
	copy(h[:], b)
	return h
}

func Sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Identity names one life of a device: what a checkpoint's origin says.
type Identity struct {
	Job, Device ID
	Generation  uint64
}
