package fsck

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
	formatVersion = 1

	maxShards         = 32
	maxBays           = 64
	maxGeneration     = 1<<32 - 1
	minBlockSize      = 4096
	maxBlockSize      = 1 << 24
	maxBody           = 1 << 40
	maxEntrySize      = 4096
	maxRecordSize     = 65536
	maxPathSize       = 4096
	maxJobSize        = 1 << 20
	maxStatementSize  = 1 << 20
	maxWrapSize       = 64 << 10
	maxCheckpointSize = 64 << 10
	maxPagesPerIndex  = 1024
	maxRecordsPerPage = 1024
	maxLogSize        = 1 << 40

	segmentSize     = 1 << 20
	floeHeaderSize  = 74
	segmentOverhead = 32
	maxSegments     = 1 << 20
	pageUnit        = 65536
	maxPagePlain    = 983040
	firstPathBox    = 1054
	totalsBox       = 12 + 256 + 16
)

// crcTable is CRC64NVME; hash/crc64 complements before and after as it asks.
var crcTable = crc64.MakeTable(0x9a6c9329ac4bc9b5)

type id [16]byte

func (i id) String() string { return hex.EncodeToString(i[:]) }

func parseID(text string) (id, error) {
	var i id
	if len(text) != 32 {
		return i, fmt.Errorf("%w: id of %d characters", errMalformed, len(text))
	}
	if !lowerHex(text) {
		return i, fmt.Errorf("%w: id %q", errMalformed, text)
	}
	_, err := hex.Decode(i[:], []byte(text))
	return i, err
}

func lowerHex(text string) bool {
	for i := range len(text) {
		c := text[i]
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
			return false
		}
	}
	return true
}

func ceil4k(n int64) int64 { return (n + 4095) &^ 4095 }

func powerOfTwo(n int64) bool { return n > 0 && bits.OnesCount64(uint64(n)) == 1 }

func hashOf(b []byte) (h tlog.Hash) {
	copy(h[:], b)
	return h
}

func sha256Hex(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// identity names one life of a device: what a checkpoint's origin says.
type identity struct {
	job, device id
	generation  uint64
}
