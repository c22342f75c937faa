package ingest

import (
	"github.com/sledge-io/sledge/appliance/zeros"
)

// zeros adds n zeros, of a hole, as Write would. CRCs of zeros are computed, and
// the digest of a part that is nothing but zeros is a constant: only a digest of
// the whole, or of a part that has data as well, reads them.
func (d *Digest) zeros(n int64) {
	for n > 0 {
		m := n
		if d.partSize > 0 {
			m = min(n, d.partLeft, d.unitLeft)
		}
		if d.whole != nil {
			zeros.WriteTo(d.whole, m)
		}
		d.tookZeros(m)
		n -= m
	}
}

// tookZeros is took, of zeros that the part's hash has not seen.
func (d *Digest) tookZeros(n int64) {
	if d.partSize == 0 {
		d.crc = zeros.CRC(n).After(d.crc)
		return
	}
	d.unitCRC = zeros.CRC(n).After(d.unitCRC)
	if d.unitLeft -= n; d.unitLeft == 0 {
		d.endUnit(unitShift)
	}
	if d.owed > 0 || d.partLeft == d.partSize {
		d.owed += n
	} else {
		zeros.WriteTo(d.part, n)
	}
	if d.partLeft -= n; d.partLeft == 0 {
		d.endPart()
	}
}

// pay gives the part's hash the zeros that it has not seen.
func (d *Digest) pay() {
	if d.owed > 0 {
		zeros.WriteTo(d.part, d.owed)
		d.owed = 0
	}
}
