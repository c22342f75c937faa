package disks

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc64"
	"slices"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// maxMendSize bounds the list that is mended in memory: at the usual 280 bytes
// for 8 MiB of payload it is a pack of 1.8 TB.
const maxMendSize = 64 << 20

// mend puts a list together field by field when no copy is good as a whole: of
// all the copies' values the one that a stored block confirms, whichever disk has
// it. The signed root decides.
func (f *listFinder) mend(shards [][]shardCopy) {
	g := f.p.Geometry
	if g.ListLen() > maxMendSize {
		f.say(findings.Warning, "hashlist-not-mended", findings.InPack(f.p), "hash list of %d bytes is too long to be mended", g.ListLen())
		return
	}
	for j := range shards { // whichever disk has one
		shards[j] = append(shards[j], f.v.otherCopies(disk.ShardName(f.p, j), shards[j])...)
	}
	preferCopies := make([]byte, 0, g.ListLen())
	preferBlocks := make([]byte, 0, g.ListLen())
	for s := range g.Stripes() {
		for j := range g.Shards() {
			a, b := f.mendField(shards, s, j)
			preferCopies = append(preferCopies, a...)
			preferBlocks = append(preferBlocks, b...)
		}
	}
	for _, list := range [][]byte{preferCopies, preferBlocks} {
		l := newHashList(f.p, bytes.NewReader(list))
		if l.prove() == nil {
			f.say(findings.Repairable, "hashlist-mended", findings.InPack(f.p), "no copy of the hash list is good; it was put together from all of them and the blocks")
			f.list = l
			return
		}
	}
}

// mendField gives the value of one field in two opinions: the copies' before
// the blocks', and the blocks' before the copies'. What both have is both's.
func (f *listFinder) mendField(shards [][]shardCopy, stripe int64, j int) (a, b []byte) {
	copied, signed := f.copiedField(stripe, j)
	var stored []byte
	for _, c := range shards[j] {
		value := f.storedField(c.f, stripe, j)
		if value == nil {
			continue
		}
		if slices.ContainsFunc(copied, func(o []byte) bool { return bytes.Equal(o, value) }) {
			return value, value
		}
		if stored == nil {
			stored = value
		}
	}
	said := signed
	if said == nil {
		said = mostOf(copied)
	}
	switch {
	case said == nil && stored == nil:
		zero := make([]byte, f.fieldLen(j))
		return zero, zero
	case said == nil:
		return stored, stored
	case stored == nil:
		return said, said
	}
	return said, stored
}

// mostOf is the value that occurs most, the first of several; nil if there is none.
func mostOf(values [][]byte) (best []byte) {
	votes, most := map[string]int{}, 0
	for _, v := range values {
		votes[string(v)]++
	}
	for _, v := range values {
		if n := votes[string(v)]; n > most {
			best, most = v, n
		}
	}
	return best
}

func (f *listFinder) fieldLen(j int) int {
	if j < f.p.Geometry.K {
		return 32
	}
	return 8
}

func (f *listFinder) fieldOffset(stripe int64, j int) int64 {
	k := f.p.Geometry.K
	return stripe*int64(f.p.Geometry.LineLen()) + int64(32*min(j, k)+8*max(0, j-k))
}

// copiedField reads a field from every copy 1 and from the raw data pieces. signed is
// what pieces with the signed hashes say of it; nil: nothing.
func (f *listFinder) copiedField(stripe int64, j int) (values [][]byte, signed []byte) {
	off := f.fieldOffset(stripe, j)
	field := func() []byte { return make([]byte, f.fieldLen(j)) }
	for _, o := range f.raw {
		if b := field(); o.ReadFull(b, off) == nil {
			values = append(values, b)
		}
	}
	if b := field(); f.rawPieces(b, off, ^uint32(0)) {
		values = append(values, b)
	}
	if inputs := firstBits(f.good, f.p.Geometry.K); inputs != 0 {
		if b := field(); f.decodedPieces(b, off, inputs) {
			signed = b
		}
	} else if b := field(); f.rawPieces(b, off, f.good) {
		signed = b
	}
	if signed != nil {
		values = append(values, signed)
	}
	return values, signed
}

// rawPieces fills b with bytes of the list from those data pieces that are in the mask.
func (f *listFinder) rawPieces(b []byte, off int64, mask uint32) bool {
	length := f.p.Geometry.PieceLen()
	for len(b) > 0 {
		j, in := off/length, off%length
		n := min(int64(len(b)), length-in)
		if mask>>j&1 == 0 || f.piece[j] == nil || f.piece[j].ReadFull(b[:n], in) != nil {
			return false
		}
		b, off = b[n:], off+n
	}
	return true
}

func (f *listFinder) decodedPieces(b []byte, off int64, inputs uint32) bool {
	_, err := (&pieceReader{f: f, inputs: inputs}).ReadAt(b, off)
	return err == nil
}

// storedField computes a field from a block on a disk.
func (f *listFinder) storedField(o *disk.File, stripe int64, j int) []byte {
	g := f.p.Geometry
	hash := sha256.New()
	crc := uint64(0)
	err := eachSlice(o, stripe*g.BlockSize, g.BlockLen(stripe), f.w.buffer(windowSize), func(b []byte) {
		if j < g.K {
			hash.Write(b)
		} else {
			crc = crc64.Update(crc, wire.CrcTable, b)
		}
	})
	if err != nil {
		return nil
	}
	if j < g.K {
		return hash.Sum(nil)
	}
	return binary.BigEndian.AppendUint64(nil, crc)
}

// eachSlice reads length bytes at off through buf.
func eachSlice(f *disk.File, off, length int64, buf []byte, fn func([]byte)) error {
	for done := int64(0); done < length; {
		b := buf[:min(int64(len(buf)), length-done)]
		if err := f.ReadFull(b, off+done); err != nil {
			return err
		}
		fn(b)
		done += int64(len(b))
	}
	return nil
}
