// Package erasure is the arithmetic of docs/format.md section 6: how a pack's
// body is cut into stripes, the Reed–Solomon code over a stripe, and the line
// of the hash list that a stripe has.
//
//	body → stripes of k·b bytes → k data blocks + m parity blocks → shards
//
// It is a thin wrapper over klauspost/reedsolomon, whose Reconstruct does not
// notice a silently bad block: callers drop blocks that their line does not
// confirm before they decode, and check what was decoded. New runs a
// known-answer test and refuses to work on a mismatch.
package erasure

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/reedsolomon"
)

// ErrTooFew reports a stripe with fewer than k usable blocks.
var ErrTooFew = errors.New("too few good blocks")

const pageSize = 4096

// Layout says where the bytes of one body lie.
type Layout struct {
	K, M  int
	Block int64 // block size of full stripes
	Body  int64 // body length, ≥ 1
}

// Full is F, the number of full stripes before the last one.
func (l Layout) Full() int64 { return (l.Body - 1) / (int64(l.K) * l.Block) }

// Stripes is the number of stripes.
func (l Layout) Stripes() int64 { return l.Full() + 1 }

// BlockLen is the block length of stripe s.
func (l Layout) BlockLen(s int64) int64 {
	if s < l.Full() {
		return l.Block
	}
	rest := l.Body - l.Full()*int64(l.K)*l.Block
	per := (rest + int64(l.K) - 1) / int64(l.K)
	return min(l.Block, (per+pageSize-1)/pageSize*pageSize)
}

// ShardLen is the length of every shard's file.
func (l Layout) ShardLen() int64 { return l.Full()*l.Block + l.BlockLen(l.Full()) }

// StripeOf is the stripe that holds body offset off, and the offset in it.
func (l Layout) StripeOf(off int64) (stripe, in int64) {
	size := int64(l.K) * l.Block
	return off / size, off % size
}

// LineLen is the length of a line of the hash list.
func (l Layout) LineLen() int { return 32*l.K + 8*l.M }

// Code encodes and decodes stripes of one shape. Safe for concurrent use.
type Code struct {
	K, M int
	rs   reedsolomon.Encoder
}

// NewCode returns the code of matrix 1 for k data and m parity blocks.
func NewCode(k, m int) (*Code, error) {
	if err := selfTest(); err != nil {
		return nil, err
	}
	rs, err := newEncoder(k, m)
	if err != nil {
		return nil, err
	}
	return &Code{K: k, M: m, rs: rs}, nil
}

// newEncoder leaves goroutines to the caller: packs are the unit of
// parallelism. (16+4 is slowed threefold by one goroutine on idle cores, which
// a loaded pipeline does not have.)
func newEncoder(k, m int) (reedsolomon.Encoder, error) {
	rs, err := reedsolomon.New(k, m, reedsolomon.WithMaxGoroutines(1))
	if err != nil {
		return nil, fmt.Errorf("erasure code %d+%d: %w", k, m, err)
	}
	return rs, nil
}

// selfTest is the vector of section 6.3.
func selfTest() error {
	rs, err := newEncoder(8, 3)
	if err != nil {
		return err
	}
	shards := make([][]byte, 11)
	for i := range shards {
		shards[i] = []byte{byte(17*i + 1)}
	}
	if err := rs.Encode(shards); err != nil {
		return err
	}
	if shards[8][0] != 0xe1 || shards[9][0] != 0x14 || shards[10][0] != 0x5c || CRC([]byte("123456789")) != 0xae8b14860a799888 {
		return errors.New("erasure self-test failed: this machine computes wrong parity; do not load on it")
	}
	return nil
}

// Encode fills blocks[k:] with the parity of blocks[:k]; all have one length.
func (c *Code) Encode(blocks [][]byte) error {
	if c.M == 0 {
		return nil
	}
	return c.rs.Encode(blocks)
}

// DecodeData fills in the missing data blocks (nil or empty ones) from any k others.
func (c *Code) DecodeData(blocks [][]byte) error {
	have := 0
	for _, b := range blocks {
		if len(b) > 0 {
			have++
		}
	}
	if have < c.K {
		return ErrTooFew
	}
	return c.rs.ReconstructData(blocks)
}

// Line is one line of a hash list.
type Line []byte

// AppendParity appends the CRCs of parity blocks to a line of data hashes.
func AppendParity(line []byte, parity [][]byte) []byte {
	for _, p := range parity {
		line = binary.BigEndian.AppendUint64(line, CRC(p))
	}
	return line
}

// Data is the hash of data block i.
func (l Line) Data(i int) [32]byte { return [32]byte(l[32*i : 32*i+32]) }

// Parity is the CRC of parity block j (from 0) of a code with k data blocks.
func (l Line) Parity(k, j int) uint64 { return binary.BigEndian.Uint64(l[32*k+8*j:]) }

// SplitPieces cuts a hash list into k pieces and adds m parity pieces (section 6.4).
func (c *Code) SplitPieces(list []byte) ([][]byte, error) {
	size := (len(list) + c.K - 1) / c.K
	buf := make([]byte, size*(c.K+c.M))
	copy(buf, list)
	pieces := make([][]byte, c.K+c.M)
	for i := range pieces {
		pieces[i] = buf[i*size : (i+1)*size : (i+1)*size]
	}
	return pieces, c.Encode(pieces)
}

// JoinPieces gives the hash list of n bytes back from pieces, of which any k
// are set.
func (c *Code) JoinPieces(pieces [][]byte, n int) ([]byte, error) {
	if err := c.DecodeData(pieces); err != nil {
		return nil, err
	}
	list := make([]byte, 0, n+c.K)
	for _, p := range pieces[:c.K] {
		list = append(list, p...)
	}
	if len(list) < n {
		return nil, fmt.Errorf("hash list pieces give %d bytes instead of %d", len(list), n)
	}
	return list[:n], nil
}
