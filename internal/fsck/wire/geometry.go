package wire

import "fmt"

// Geometry says how a body is cut (format.md 6.1):
//
//	stripes 0…F−1 hold k blocks of b bytes, stripe F, the last, k blocks of b' bytes;
//	shard j is block j of every stripe, F·b + b' bytes.
type Geometry struct {
	K, M      int
	BlockSize int64 // b
	Body      int64 // B
	Full      int64 // F
	Last      int64 // b'
}

// NewGeometry takes sizes in bytes, and refuses those that format.md 2.2 does not allow.
func NewGeometry(k, m, blockSize, body uint64) (Geometry, error) {
	switch {
	case k < 1 || k > MaxShards || m > MaxShards || k+m > MaxShards:
		return Geometry{}, fmt.Errorf("%w: %d data and %d parity shards", ErrMalformed, k, m)
	case blockSize < minBlockSize || blockSize > maxBlockSize || !powerOfTwo(int64(blockSize)):
		return Geometry{}, fmt.Errorf("%w: block size %d", ErrMalformed, blockSize)
	case body < 1 || body > MaxBody:
		return Geometry{}, fmt.Errorf("%w: body of %d bytes", ErrMalformed, body)
	}
	g := Geometry{K: int(k), M: int(m), BlockSize: int64(blockSize), Body: int64(body)}
	stripe := int64(k) * g.BlockSize
	g.Full = (g.Body - 1) / stripe
	rest := g.Body - g.Full*stripe
	g.Last = min(g.BlockSize, Ceil4k((rest+int64(k)-1)/int64(k)))
	return g, nil
}

func (g Geometry) Shards() int      { return g.K + g.M }
func (g Geometry) Stripes() int64   { return g.Full + 1 }
func (g Geometry) ShardLen() int64  { return g.Full*g.BlockSize + g.Last }
func (g Geometry) Stored() int64    { return g.ShardLen() * int64(g.Shards()) }
func (g Geometry) LineLen() int     { return 32*g.K + 8*g.M }
func (g Geometry) ListLen() int64   { return g.Stripes() * int64(g.LineLen()) }
func (g Geometry) PieceLen() int64  { return (g.ListLen() + int64(g.K) - 1) / int64(g.K) }
func (g Geometry) DataMask() uint32 { return 1<<g.K - 1 }

// BlockLen is in bytes: the last stripe has shorter blocks.
func (g Geometry) BlockLen(stripe int64) int64 {
	if stripe == g.Full {
		return g.Last
	}
	return g.BlockSize
}

// Locate finds body byte off: its stripe, data block, offset in the block, and
// how many bytes of the body follow in that block.
func (g Geometry) Locate(off int64) (stripe int64, block int, at, left int64) {
	stripe = off / (int64(g.K) * g.BlockSize)
	rest := off - stripe*int64(g.K)*g.BlockSize
	length := g.BlockLen(stripe)
	block, at = int(rest/length), rest%length
	return stripe, block, at, length - at
}
