package fsck

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc64"
)

// maxMendSize bounds the list that is mended in memory: at the usual 280 bytes
// for 8 MiB of payload it is a pack of 1.8 TB.
const maxMendSize = 64 << 20

// mend puts a list together field by field when no copy is good as a whole: of
// all the copies' values the one that the stored block confirms. The signed
// root decides.
func (f *listFinder) mend(shards [][]shardCopy) {
	g := f.p.geometry
	if g.listLen() > maxMendSize {
		f.say(Warning, "hashlist-not-mended", inPack(f.p), "hash list of %d bytes is too long to be mended", g.listLen())
		return
	}
	preferCopies := make([]byte, 0, g.listLen())
	preferBlocks := make([]byte, 0, g.listLen())
	for s := range g.stripes() {
		for j := range g.shards() {
			a, b := f.mendField(shards, s, j)
			preferCopies = append(preferCopies, a...)
			preferBlocks = append(preferBlocks, b...)
		}
	}
	for _, list := range [][]byte{preferCopies, preferBlocks} {
		l := newHashList(f.p, bytes.NewReader(list))
		if l.prove() == nil {
			f.say(Repairable, "hashlist-mended", inPack(f.p), "no copy of the hash list is good; it was put together from all of them and the blocks")
			f.list = l
			return
		}
	}
}

// mendField gives the value of one field in two opinions: the copies' before
// the block's, and the block's before the copies'.
func (f *listFinder) mendField(shards [][]shardCopy, stripe int64, j int) (a, b []byte) {
	stored := f.storedField(shards, stripe, j)
	votes := map[string]int{}
	best := ""
	for _, value := range f.copiedField(stripe, j) {
		if stored != nil && bytes.Equal(value, stored) {
			return stored, stored
		}
		text := string(value)
		if votes[text]++; votes[text] > votes[best] {
			best = text
		}
	}
	switch {
	case best == "" && stored == nil:
		zero := make([]byte, f.fieldLen(j))
		return zero, zero
	case best == "":
		return stored, stored
	case stored == nil:
		return []byte(best), []byte(best)
	}
	return []byte(best), stored
}

func (f *listFinder) fieldLen(j int) int {
	if j < f.p.geometry.k {
		return 32
	}
	return 8
}

func (f *listFinder) fieldOffset(stripe int64, j int) int64 {
	k := f.p.geometry.k
	return stripe*int64(f.p.geometry.lineLen()) + int64(32*min(j, k)+8*max(0, j-k))
}

// copiedField reads a field from every copy 1 and from the raw data pieces.
func (f *listFinder) copiedField(stripe int64, j int) (values [][]byte) {
	off := f.fieldOffset(stripe, j)
	for _, o := range f.raw {
		b := make([]byte, f.fieldLen(j))
		if o.readFull(b, off) == nil {
			values = append(values, b)
		}
	}
	b := make([]byte, f.fieldLen(j))
	for i := range b {
		at := off + int64(i)
		piece := f.piece[at/f.p.geometry.pieceLen()]
		if piece == nil || piece.readFull(b[i:i+1], at%f.p.geometry.pieceLen()) != nil {
			return values
		}
	}
	return append(values, b)
}

// storedField computes a field from the block on the disk.
func (f *listFinder) storedField(shards [][]shardCopy, stripe int64, j int) []byte {
	if len(shards[j]) == 0 {
		return nil
	}
	g := f.p.geometry
	hash := sha256.New()
	crc := uint64(0)
	err := eachSlice(shards[j][0].f, stripe*g.blockSize, g.blockLen(stripe), f.w.buffer(windowSize), func(b []byte) {
		if j < g.k {
			hash.Write(b)
		} else {
			crc = crc64.Update(crc, crcTable, b)
		}
	})
	if err != nil {
		return nil
	}
	if j < g.k {
		return hash.Sum(nil)
	}
	return binary.BigEndian.AppendUint64(nil, crc)
}

// eachSlice reads length bytes at off through buf.
func eachSlice(f *file, off, length int64, buf []byte, fn func([]byte)) error {
	for done := int64(0); done < length; {
		b := buf[:min(int64(len(buf)), length-done)]
		if err := f.readFull(b, off+done); err != nil {
			return err
		}
		fn(b)
		done += int64(len(b))
	}
	return nil
}
