package appliance

import (
	"encoding/binary"
	"fmt"

	"github.com/minio/crc64nvme"

	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/appliance/zeros"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// digest computes all of an entry's digests in the one pass over its bytes:
// SHA-256 of each import part, SHA-256 of the whole, CRC64NVME of each 16 MiB
// unit and of the whole. Its state can be journalled and taken up again.
type digest struct {
	size     int64
	partSize int64 // 0: one part, the whole
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

// newDigest is for content of a known size; whole says whether files of more
// than one part get a whole-file SHA-256.
func newDigest(size int64, whole bool) *digest {
	d := &digest{size: size, partSize: manifest.PartSizeFor(size), unitLeft: manifest.UnitSize}
	if d.partSize == 0 || whole {
		d.whole = crypto.NewResumableSHA256()
	}
	if d.partSize > 0 {
		d.part = crypto.NewResumableSHA256()
		d.partLeft = d.partSize
	}
	return d
}

// Write adds content; it never fails.
func (d *digest) Write(p []byte) (int, error) {
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
func (d *digest) writeBeside(p []byte, other crypto.ResumableHash, q []byte) {
	d.pay()
	for len(p) > 0 {
		n := d.room(len(p))
		crypto.WriteSHA256Pair(d.one(), other, p[:n], q[:n])
		d.took(p[:n])
		p, q = p[n:], q[n:]
	}
}

// one is the hash that content goes into; nil if it goes into two.
func (d *digest) one() crypto.ResumableHash {
	switch {
	case d.partSize == 0:
		return d.whole
	case d.whole == nil:
		return d.part
	}
	return nil
}

// room is how much of n bytes goes into the same part and unit.
func (d *digest) room(n int) int {
	if d.partSize == 0 {
		return n
	}
	return int(min(int64(n), d.partLeft, d.unitLeft))
}

// took counts hashed content, and ends the unit and the part that it fills.
func (d *digest) took(p []byte) {
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

func (d *digest) endPart() {
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
func (d *digest) endUnit(shift erasure.CRCShift) {
	d.units = append(d.units, d.unitCRC)
	d.crc = shift.Join(d.crc, d.unitCRC)
	d.unitCRC, d.unitLeft = 0, manifest.UnitSize
}

// fill puts the digests of the finished content into a record.
func (d *digest) fill(r *manifest.Record) {
	if d.whole != nil {
		r.SHA256 = d.whole.Sum(nil)
	}
	if n := manifest.UnitSize - d.unitLeft; n > 0 {
		d.endUnit(erasure.ShiftCRC(n))
	}
	r.CRC, r.HasCRC = d.crc, true
	if d.partSize == 0 {
		return
	}
	if d.partLeft < d.partSize {
		d.pay()
		d.parts = append(d.parts, d.part.Sum(nil))
	}
	r.PartSize, r.Parts, r.UnitCRCs = d.partSize, d.parts, d.units
}

// partialFile is what a journal frame keeps of a long file at a pack's close:
// what is new since the frame before, and the digests' states. So a resumed
// load goes on inside the file.
type partialFile struct {
	ordinal  uint64
	from, to int64 // content covered by this frame
	identity scan.FileID
	extents  []pendingExtent
	parts    [][]byte
	units    []uint64
	digest   []byte // state
}

func (p *partialFile) prepend(old *partialFile) {
	p.from = old.from
	p.extents = append(append([]pendingExtent(nil), old.extents...), p.extents...)
	p.parts = append(append([][]byte(nil), old.parts...), p.parts...)
	p.units = append(append([]uint64(nil), old.units...), p.units...)
}

// encode is called at commit, when the packs have their numbers.
func (p *partialFile) encode() ([]byte, error) {
	u := func(vs ...uint64) []byte {
		var b []byte
		for _, v := range vs {
			b = binary.BigEndian.AppendUint64(b, v)
		}
		return b
	}
	w := fields.NewWriter(nil)
	w.Blob(1, true, u(p.ordinal, uint64(p.from), uint64(p.to)))
	i := p.identity
	w.Blob(2, true, u(uint64(i.Size), uint64(i.Mtime), uint64(i.Ctime), i.Dev, i.Ino))
	var extents []byte
	for _, pe := range p.extents {
		e := pe.resolve()
		hole := uint64(0)
		if e.Hole {
			hole = 1
		}
		extents = append(extents, u(uint64(e.Offset), uint64(e.Length), e.Pack, uint64(e.PackOffset), hole)...)
	}
	w.Blob(3, true, extents)
	w.List(4, true, p.parts)
	w.Blob(5, true, u(p.units...))
	w.Blob(6, true, p.digest)
	return w.Bytes(), nil
}

func decodePartial(b []byte) (*partialFile, error) {
	p := &partialFile{}
	words := func(f fields.Field, n int) ([]uint64, error) {
		if len(f.Value)%8 != 0 || n > 0 && len(f.Value) != 8*n {
			return nil, manifest.ErrCorrupt
		}
		out := make([]uint64, len(f.Value)/8)
		for i := range out {
			out[i] = binary.BigEndian.Uint64(f.Value[8*i:])
		}
		return out, nil
	}
	err := fields.Decode(b, fields.Schema{1: true, 2: true, 3: true, 4: true, 5: true, 6: true}, func(f fields.Field) error {
		switch f.Number {
		case 1:
			v, err := words(f, 3)
			if err == nil {
				p.ordinal, p.from, p.to = v[0], int64(v[1]), int64(v[2])
			}
			return err
		case 2:
			v, err := words(f, 5)
			if err == nil {
				p.identity = scan.FileID{Size: int64(v[0]), Mtime: int64(v[1]), Ctime: int64(v[2]), Dev: v[3], Ino: v[4]}
			}
			return err
		case 3:
			v, err := words(f, 0)
			if err != nil || len(v)%5 != 0 {
				return manifest.ErrCorrupt
			}
			for ; len(v) > 0; v = v[5:] {
				p.extents = append(p.extents, pendingExtent{offset: int64(v[0]), length: int64(v[1]), number: v[2], packOffset: int64(v[3]), hole: v[4] == 1})
			}
		case 4:
			return f.Items(func(it []byte) error { p.parts = append(p.parts, append([]byte(nil), it...)); return nil })
		case 5:
			v, err := words(f, 0)
			p.units = v
			return err
		case 6:
			p.digest = append([]byte(nil), f.Value...)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: file in progress: %w", manifest.ErrCorrupt, err)
	}
	return p, nil
}

// state is the digest's journalled form.
func (d *digest) state() ([]byte, error) {
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
func (d *digest) restore(p *partialFile) error {
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
	return d.stands(p.to)
}

// stands checks that what is left of the part and the unit is what is left after
// so much content: Write relies on it.
func (d *digest) stands(at int64) error {
	partLeft, unitLeft := int64(0), int64(manifest.UnitSize)
	if d.partSize > 0 {
		partLeft, unitLeft = d.partSize-at%d.partSize, manifest.UnitSize-at%manifest.UnitSize
	}
	if at < 0 || at > d.size || d.partLeft != partLeft || d.unitLeft != unitLeft {
		return fmt.Errorf("%w: digest state of another place than %d", manifest.ErrCorrupt, at)
	}
	return nil
}
