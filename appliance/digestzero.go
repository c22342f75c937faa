package appliance

import (
	"sync"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/manifest"
)

var zeroBytes [64 << 10]byte

// zeros adds n zeros, of a hole, as Write would. CRCs of zeros are computed, and
// the digest of a part that is nothing but zeros is a constant: only a digest of
// the whole, or of a part that has data as well, reads them.
func (d *digest) zeros(n int64) {
	for n > 0 {
		m := n
		if d.partSize > 0 {
			m = min(n, d.partLeft, d.unitLeft)
		}
		if d.whole != nil {
			writeZeros(d.whole, m)
		}
		d.tookZeros(m)
		n -= m
	}
}

// tookZeros is took, of zeros that the part's hash has not seen.
func (d *digest) tookZeros(n int64) {
	if d.partSize == 0 {
		d.crc = zeroCRC(n).after(d.crc)
		return
	}
	d.unitCRC = zeroCRC(n).after(d.unitCRC)
	if d.unitLeft -= n; d.unitLeft == 0 {
		d.endUnit(unitShift)
	}
	if d.owed > 0 || d.partLeft == d.partSize {
		d.owed += n
	} else {
		writeZeros(d.part, n)
	}
	if d.partLeft -= n; d.partLeft == 0 {
		d.endPart()
	}
}

// pay gives the part's hash the zeros that it has not seen.
func (d *digest) pay() {
	if d.owed > 0 {
		writeZeros(d.part, d.owed)
		d.owed = 0
	}
}

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
var unitZeros = zeroRun{unitShift, erasure.ZeroCRC(manifest.UnitSize)}

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
