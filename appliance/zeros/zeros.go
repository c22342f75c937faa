// Package zeros is what holes do to digests: the CRC of a run of zeros without reading it, the
// hash of a part that is nothing but zeros, and the zeros themselves.
//
// It imports the arithmetic of CRCs and the hash. It knows no files.
package zeros

import (
	"bytes"
	"sync"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/manifest"
)

// block is zeros to read.
var block [64 << 10]byte

// Only reports whether b, of at most 64 KiB, is nothing but zeros.
func Only(b []byte) bool { return bytes.Equal(b, block[:len(b)]) }

// WriteTo has h read n zeros.
func WriteTo(h crypto.ResumableHash, n int64) {
	for ; n > 0; n -= int64(len(block)) {
		h.Write(block[:min(n, int64(len(block)))])
	}
}

// Run is what n zeros do to a CRC.
type Run struct {
	shift erasure.CRCShift
	Sum   uint64 // CRC of the zeros alone
}

// After is the CRC of what had crc and is followed by the run.
func (z Run) After(crc uint64) uint64 { return z.shift.Join(crc, z.Sum) }

// unitZeros is the run that holes mostly come in.
var unitZeros = Run{erasure.ShiftCRC(manifest.UnitSize), erasure.ZeroCRC(manifest.UnitSize)}

// CRC is what n zeros do.
func CRC(n int64) Run {
	if n == manifest.UnitSize {
		return unitZeros
	}
	return Run{erasure.ShiftCRC(n), erasure.ZeroCRC(n)}
}

// PartSum is the SHA-256 of so many zeros. It is the same slice every time.
func PartSum(size int64) []byte { return parts.sum(size) }

// parts keeps the digests of parts of zeros: a load meets few sizes.
var parts sums

// maxSums bounds them: a record that is read may tell any size.
const maxSums = 64

type sums struct {
	mu   sync.Mutex
	sums map[int64][]byte
}

func (z *sums) sum(size int64) []byte {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.sums == nil {
		z.sums = map[int64][]byte{}
	}
	if z.sums[size] == nil {
		if len(z.sums) == maxSums {
			clear(z.sums)
		}
		h := crypto.NewResumableSHA256()
		WriteTo(h, size)
		z.sums[size] = h.Sum(nil)
	}
	return z.sums[size]
}
