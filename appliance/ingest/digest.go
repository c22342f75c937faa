package ingest

import (
	"encoding/binary"
	"fmt"

	"github.com/minio/crc64nvme"

	"github.com/sledge-io/sledge/appliance/zeros"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// Digest computes all of an entry's digests in the one pass over its bytes:
// SHA-256 of each import part, SHA-256 of the whole, CRC64NVME of each 16 MiB
// unit and of the whole. Its state can be journalled and taken up again.
type Digest struct {
	size     int64
	partSize int64 // 0: one part, the whole
	open     bool  // the size is not known: parts are the smallest, and the whole is hashed as long as it may be one
	keep     bool  // with open: the whole is hashed to its end
	whole    crypto.ResumableHash
	part     crypto.ResumableHash
	partLeft int64
	unitLeft int64
	unitCRC  uint64
	crc      uint64 // of all units that are full; without parts, of all content
	parts    [][]byte
	units    []uint64
	owed     int64 // zeros at the part's end so far that its hash has not seen: all of the part so far
}

// NewDigest is for content of a known size; whole says whether files of more
// than one part get a whole-file SHA-256.
func NewDigest(size int64, whole bool) *Digest {
	d := &Digest{size: size, partSize: manifest.PartSizeFor(size), unitLeft: manifest.UnitSize}
	if d.partSize == 0 || whole {
		d.whole = crypto.NewResumableSHA256()
	}
	if d.partSize > 0 {
		d.part = crypto.NewResumableSHA256()
		d.partLeft = d.partSize
	}
	return d
}

// NewOpenDigest is for content of an unknown size, of at most MaxOpen bytes.
func NewOpenDigest(whole bool) *Digest {
	return &Digest{size: -1, partSize: manifest.UnitSize, open: true, keep: whole, unitLeft: manifest.UnitSize, partLeft: manifest.UnitSize,
		whole: crypto.NewResumableSHA256(), part: crypto.NewResumableSHA256()}
}

// MaxOpen is how much content may have that does not say its size: beyond, parts are
// larger than the unit (docs/format.md 7.2), and what is hashed cannot be joined.
const MaxOpen = manifest.MaxParts * manifest.UnitSize

// Write adds content; it never fails.
func (d *Digest) Write(p []byte) (int, error) {
	if d.open && !d.keep && len(d.parts) > 0 && len(p) > 0 {
		d.whole = nil
	}
	d.pay()
	for rest := p; len(rest) > 0; {
		n := d.room(len(rest))
		if one := d.one(); one != nil {
			one.Write(rest[:n])
		} else {
			crypto.WriteSHA256Both(d.whole, d.part, rest[:n])
		}
		d.took(rest[:n])
		rest = rest[n:]
	}
	return len(p), nil
}

// writeBeside adds content while the same number of other bytes goes into another
// hash; only where the content goes into one.
func (d *Digest) writeBeside(p []byte, other crypto.ResumableHash, q []byte) {
	d.pay()
	for len(p) > 0 {
		n := d.room(len(p))
		crypto.WriteSHA256Pair(d.one(), other, p[:n], q[:n])
		d.took(p[:n])
		p, q = p[n:], q[n:]
	}
}

// one is the hash that content goes into; nil if it goes into two.
func (d *Digest) one() crypto.ResumableHash {
	switch {
	case d.partSize == 0:
		return d.whole
	case d.whole == nil:
		return d.part
	}
	return nil
}

// room is how much of n bytes goes into the same part and unit.
func (d *Digest) room(n int) int {
	if d.partSize == 0 {
		return n
	}
	return int(min(int64(n), d.partLeft, d.unitLeft))
}

// took counts hashed content, and ends the unit and the part that it fills.
func (d *Digest) took(p []byte) {
	if d.partSize == 0 {
		d.crc = crc64nvme.Update(d.crc, p)
		return
	}
	d.unitCRC = crc64nvme.Update(d.unitCRC, p)
	if d.unitLeft -= int64(len(p)); d.unitLeft == 0 {
		d.endUnit(unitShift)
	}
	if d.partLeft -= int64(len(p)); d.partLeft == 0 {
		d.endPart()
	}
}

func (d *Digest) endPart() {
	if d.owed == d.partSize {
		d.parts = append(d.parts, zeros.PartSum(d.owed))
		d.owed = 0
	} else {
		d.pay()
		d.parts = append(d.parts, d.part.Sum(nil))
	}
	d.part.Reset()
	d.partLeft = d.partSize
}

// unitShift joins the CRC of one more full unit.
var unitShift = erasure.ShiftCRC(manifest.UnitSize)

// endUnit ends a unit of the shift's length.
func (d *Digest) endUnit(shift erasure.CRCShift) {
	d.units = append(d.units, d.unitCRC)
	d.crc = shift.Join(d.crc, d.unitCRC)
	d.unitCRC, d.unitLeft = 0, manifest.UnitSize
}

// Fill puts the digests of the finished content into a record.
func (d *Digest) Fill(r *manifest.Record) {
	if d.whole != nil {
		r.SHA256 = d.whole.Sum(nil)
	}
	if n := manifest.UnitSize - d.unitLeft; n > 0 {
		d.endUnit(erasure.ShiftCRC(n))
	}
	r.CRC, r.HasCRC = d.crc, true
	if d.partSize == 0 || d.open && d.onePart() {
		return
	}
	if d.open && !d.keep {
		r.SHA256 = nil
	}
	if d.partLeft < d.partSize {
		d.pay()
		d.parts = append(d.parts, d.part.Sum(nil))
	}
	r.PartSize, r.Parts, r.UnitCRCs = d.partSize, d.parts, d.units
}

// onePart reports whether content of an unknown size came to at most one part.
func (d *Digest) onePart() bool {
	return len(d.parts) == 0 || len(d.parts) == 1 && d.partLeft == d.partSize
}

// state is the digest's journalled form.
func (d *Digest) state() ([]byte, error) {
	d.pay()
	var b []byte
	for _, v := range []uint64{uint64(d.partLeft), uint64(d.unitLeft), d.unitCRC, d.crc} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	for _, h := range []crypto.ResumableHash{d.whole, d.part} {
		var s []byte
		if h != nil {
			var err error
			if s, err = h.MarshalBinary(); err != nil {
				return nil, err
			}
		}
		b = fields.AppendItem(b, s)
	}
	return b, nil
}

// restore takes up a journalled state.
func (d *Digest) restore(p *Partial) error {
	b := p.digest
	if len(b) < 32 {
		return fmt.Errorf("%w: digest state", manifest.ErrCorrupt)
	}
	word := func(i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }
	d.partLeft, d.unitLeft, d.unitCRC, d.crc = int64(word(0)), int64(word(1)), word(2), word(3)
	i := 0
	err := fields.Field{Value: b[32:]}.Items(func(it []byte) error {
		h := []crypto.ResumableHash{d.whole, d.part}[min(i, 1)]
		i++
		if (h == nil) != (len(it) == 0) {
			return manifest.ErrCorrupt
		}
		if h == nil {
			return nil
		}
		return h.UnmarshalBinary(it)
	})
	if err != nil || i != 2 {
		return fmt.Errorf("%w: digest state: %v", manifest.ErrCorrupt, err)
	}
	d.parts, d.units = append(d.parts, p.parts...), append(d.units, p.units...)
	return d.stands(p.To)
}

// stands checks that what is left of the part and the unit is what is left after
// so much content: Write relies on it.
func (d *Digest) stands(at int64) error {
	partLeft, unitLeft := int64(0), int64(manifest.UnitSize)
	if d.partSize > 0 {
		partLeft, unitLeft = d.partSize-at%d.partSize, manifest.UnitSize-at%manifest.UnitSize
	}
	if at < 0 || at > d.size || d.partLeft != partLeft || d.unitLeft != unitLeft {
		return fmt.Errorf("%w: digest state of another place than %d", manifest.ErrCorrupt, at)
	}
	return nil
}
