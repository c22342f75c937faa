package appliance

import (
	"sync"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/manifest"
)

var zeroBytes [64 << 10]byte

func writeZeros(h crypto.ResumableHash, n int64) {
	for ; n > 0; n -= int64(len(zeroBytes)) {
		h.Write(zeroBytes[:min(n, int64(len(zeroBytes)))])
	}
}

// zeroRun is what n zeros do to a CRC.
type zeroRun struct {
	shift erasure.CRCShift
	crc   uint64
}

func (z zeroRun) after(crc uint64) uint64 { return z.shift.Join(crc, z.crc) }

// unitZeros is the run that holes mostly come in.
var unitZeros = zeroRun{erasure.ShiftCRC(manifest.UnitSize), erasure.ZeroCRC(manifest.UnitSize)}

func zeroCRC(n int64) zeroRun {
	if n == manifest.UnitSize {
		return unitZeros
	}
	return zeroRun{erasure.ShiftCRC(n), erasure.ZeroCRC(n)}
}

// zeroParts keeps the digests of parts of zeros: a load meets few sizes.
var zeroParts zeroSums

// maxZeroSums bounds them: a record that is read may tell any size.
const maxZeroSums = 64

type zeroSums struct {
	mu   sync.Mutex
	sums map[int64][]byte
}

func (z *zeroSums) sum(size int64) []byte {
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.sums == nil {
		z.sums = map[int64][]byte{}
	}
	if z.sums[size] == nil {
		if len(z.sums) == maxZeroSums {
			clear(z.sums)
		}
		h := crypto.NewResumableSHA256()
		writeZeros(h, size)
		z.sums[size] = h.Sum(nil)
	}
	return z.sums[size]
}
