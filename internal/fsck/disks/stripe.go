package disks

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"hash/crc64"
	"math/bits"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// sliceSize is how much of a block a single stripe's work holds of each shard.
const sliceSize = 1 << 20

// maxDecodeTries bounds the choices of parity blocks that are tried for a stripe.
const maxDecodeTries = 1000

// examined is what is known of one stripe after all was tried.
type examined struct {
	stripe  int64
	good    uint32 // blocks that are right as stored
	source  [wire.MaxShards]*shardCopy
	inputs  uint32 // k good blocks from which the others follow
	decided bool   // every data block is stored well or can be decoded
}

// stripeWork is the search in one stripe.
type stripeWork struct {
	*packScan
	stripe int64
	off    int64
	length int64
	line   []byte
	data   uint32 // data blocks whose SHA-256 is right
	clean  uint32 // parity blocks whose CRC is right
	dirty  uint32 // parity blocks that can be read, CRC wrong
	source [wire.MaxShards]*shardCopy
}

// examine looks at one stripe alone, block by block and copy by copy, decodes
// what is missing in as many ways as section 6.4 allows, and records the result.
func (s *packScan) examine(stripe int64) error {
	line, err := s.list.line(stripe)
	if err != nil {
		s.cache = examined{stripe: stripe}
		return s.listChanged(err)
	}
	k := &stripeWork{packScan: s, stripe: stripe, off: stripe * s.g.BlockSize, length: s.g.BlockLen(stripe), line: bytes.Clone(line)}
	s.w.slices = grow(s.w.slices, s.g.Shards(), min(sliceSize, k.length))
	for j := range s.g.Shards() {
		k.readBlock(j)
	}
	s.cache, err = k.decide()
	if err == nil && s.cache.decided && stripe == s.g.Full {
		err = k.seePadding(s.cache.inputs)
	}
	if err != nil {
		return err
	}
	k.record(&s.cache)
	return nil
}

// seePadding looks at what follows the body in the last stripe, as it is decoded.
func (k *stripeWork) seePadding(inputs uint32) error {
	at := k.off
	return k.eachCoded(inputs, k.g.DataMask()&^inputs, func(shards [][]byte) bool {
		k.checkPadding(at, shards)
		at += int64(len(shards[bits.TrailingZeros32(inputs)]))
		return true
	})
}

// readBlock finds a copy of a block that its line confirms; for parity, a copy
// at all. A copy that is bad although another one is good is named here.
func (k *stripeWork) readBlock(j int) {
	for {
		if k.tryCopies(j) || k.widened>>j&1 == 1 {
			return
		}
		k.widened |= 1 << j
		k.shards[j] = append(k.shards[j], k.w.v.otherCopies(disk.ShardName(k.p, j), k.shards[j])...)
	}
}

func (k *stripeWork) tryCopies(j int) bool {
	copies := k.shards[j]
	for i := range copies {
		ok, err := k.confirm(j, copies[i].f)
		if err != nil {
			continue
		}
		if ok {
			k.source[j] = &copies[i]
			k.mark(j)
			for _, c := range copies[:i] {
				k.blockBad(k.stripe, j, c.d)
			}
			return true
		}
		if j >= k.g.K && k.source[j] == nil {
			k.source[j] = &copies[i]
			k.dirty |= 1 << j
		}
	}
	return false
}

func (k *stripeWork) mark(j int) {
	if j < k.g.K {
		k.data |= 1 << j
	} else {
		k.clean |= 1 << j
		k.dirty &^= 1 << j
	}
}

// confirm compares a stored block with its field of the line.
func (k *stripeWork) confirm(j int, f *disk.File) (bool, error) {
	buf := k.w.slices[j][:min(sliceSize, k.length)]
	if j < k.g.K {
		h := sha256.New()
		err := eachSlice(f, k.off, k.length, buf, func(b []byte) { h.Write(b) })
		return err == nil && bytes.Equal(h.Sum(nil), k.line[32*j:32*j+32]), err
	}
	crc := uint64(0)
	err := eachSlice(f, k.off, k.length, buf, func(b []byte) { crc = crc64.Update(crc, wire.CrcTable, b) })
	at := 32*k.g.K + 8*(j-k.g.K)
	return err == nil && crc == binary.BigEndian.Uint64(k.line[at:]), err
}

// decide decodes the missing data blocks and then proves the parity.
func (k *stripeWork) decide() (examined, error) {
	e := examined{stripe: k.stripe, source: k.source, good: k.data}
	need := k.g.K - bits.OnesCount32(k.data)
	parity, ok, err := k.findParity(need)
	if err != nil {
		return e, err
	}
	if !ok {
		e.good |= k.clean
		return e, nil
	}
	e.decided, e.inputs = true, k.data|parity
	proven, err := k.proveParity(e.inputs)
	e.good |= proven
	return e, err
}

// findParity finds parity blocks that give data blocks with the signed hashes:
// CRC-clean ones first, then those that helped last time, then all.
func (k *stripeWork) findParity(need int) (parity uint32, ok bool, err error) {
	if need == 0 {
		return 0, true, nil
	}
	tries := 0
	try := func(set uint32) bool {
		tries++
		var good bool
		good, err = k.decodes(set)
		if good {
			parity, ok = set, true
			k.lucky = set
		}
		return good || err != nil || tries >= maxDecodeTries
	}
	if subsets(k.clean, need, try) {
		return parity, ok, err
	}
	all := k.clean | k.dirty
	if bits.OnesCount32(k.lucky) == need && k.lucky&^all == 0 && k.lucky&k.dirty != 0 && try(k.lucky) {
		return parity, ok, err
	}
	subsets(all, need, func(set uint32) bool { return set&k.dirty != 0 && try(set) })
	if !ok && err == nil && tries >= maxDecodeTries && !k.quiet {
		k.w.v.f.Stripe(findings.Lost, "stripe-undecided", findings.InPack(k.p), k.stripe, "", "not decided after 1,000 choices of parity blocks; entries cannot be named without the key")
	}
	return parity, ok, err
}

// subsets gives all sets of n bits of mask until fn returns true.
func subsets(mask uint32, n int, fn func(uint32) bool) bool {
	if n == 0 {
		return fn(0)
	}
	for rest := mask; bits.OnesCount32(rest) >= n; {
		low := rest & -rest
		rest &^= low
		if subsets(rest, n-1, func(set uint32) bool { return fn(set | low) }) {
			return true
		}
	}
	return false
}

// decodes computes the missing data blocks with these parity blocks and
// compares all of them with the signed hashes.
func (k *stripeWork) decodes(parity uint32) (bool, error) {
	missing := k.g.DataMask() &^ k.data
	var hashers [wire.MaxShards]hash.Hash
	err := k.eachCoded(k.data|parity, missing, func(shards [][]byte) bool {
		for j := range k.g.K {
			if missing>>j&1 == 1 {
				if hashers[j] == nil {
					hashers[j] = sha256.New()
				}
				hashers[j].Write(shards[j])
			}
		}
		return true
	})
	if err != nil {
		return false, err
	}
	for j := range k.g.K {
		if hashers[j] != nil && !bytes.Equal(hashers[j].Sum(nil), k.line[32*j:32*j+32]) {
			return false, nil
		}
	}
	return true, nil
}

// proveParity gives the parity blocks that are what the data blocks say.
func (k *stripeWork) proveParity(inputs uint32) (proven uint32, err error) {
	proven = k.clean | k.dirty
	buf := k.w.buffer(int(min(sliceSize, k.length)))
	others := proven &^ inputs
	at := k.off
	err = k.eachCoded(inputs, others, func(shards [][]byte) bool {
		for j := k.g.K; j < k.g.Shards(); j++ {
			if others>>j&1 == 0 {
				continue
			}
			b := buf[:len(shards[j])]
			if k.source[j].f.ReadFull(b, at) != nil || !bytes.Equal(b, shards[j]) {
				proven &^= 1 << j
			}
		}
		at += int64(len(shards[0]))
		return true
	})
	return proven, err
}

// eachCoded walks the stripe slice by slice: inputs are read, want is computed.
// A read that fails now although it went well before counts as a wrong block.
func (k *stripeWork) eachCoded(inputs, want uint32, fn func(shards [][]byte) bool) error {
	enc, err := k.w.decoder(k.g)
	if err != nil {
		return err
	}
	n := k.g.Shards()
	required := make([]bool, n)
	shards := make([][]byte, n)
	for done := int64(0); done < k.length; done += sliceSize {
		size := min(sliceSize, k.length-done)
		for j := range n {
			shards[j], required[j] = k.w.slices[j][:0], want>>j&1 == 1
			if inputs>>j&1 == 1 {
				shards[j] = k.w.slices[j][:size]
				if k.source[j].f.ReadFull(shards[j], k.off+done) != nil {
					clear(shards[j])
				}
			}
		}
		if k.g.M > 0 && want != 0 {
			if err := enc.ReconstructSome(shards, required); err != nil {
				return err
			}
		}
		if !fn(shards) {
			return nil
		}
	}
	return nil
}

// record names the bad blocks of the stripe, and the stripe if it is lost.
func (k *stripeWork) record(e *examined) {
	for j := k.g.K; e.decided && j < k.g.Shards(); j++ {
		if e.good&k.dirty>>j&1 == 1 {
			k.nameSum(k.stripe, j)
		}
	}
	for j := range k.g.Shards() {
		copies := k.shards[j]
		if e.good>>j&1 == 1 || len(copies) == 0 {
			continue
		}
		if copies[0].f.Size <= k.off {
			k.countBad(j) // the file ends before: shard-length says it
			continue
		}
		k.blockBad(k.stripe, j, copies[0].d)
	}
	if e.decided {
		return
	}
	k.w.v.lost(k.p, (1<<k.g.Shards()-1)&^e.good)
	if k.quiet {
		return
	}
	bad := k.g.Shards() - bits.OnesCount32(e.good)
	if bad > k.g.M || bits.OnesCount32(k.data|k.clean|k.dirty) < k.g.K {
		k.w.v.f.Stripe(findings.Lost, "stripe-lost", findings.InPack(k.p), k.stripe, "",
			"more blocks are bad or missing than there is parity: lost; entries cannot be named without the key")
	} else {
		k.w.v.f.Stripe(findings.Lost, "stripe-lost", findings.InPack(k.p), k.stripe, "",
			"no choice of parity blocks gives the signed data blocks: lost; entries cannot be named without the key")
	}
}
