package fsck

import "fmt"

// geometry says how a body is cut (format.md 6.1):
//
//	stripes 0…F−1 hold k blocks of b bytes, stripe F, the last, k blocks of b' bytes;
//	shard j is block j of every stripe, F·b + b' bytes.
type geometry struct {
	k, m      int
	blockSize int64 // b
	body      int64 // B
	full      int64 // F
	last      int64 // b'
}

func newGeometry(k, m, blockSize, body uint64) (geometry, error) {
	switch {
	case k < 1 || k > maxShards || m > maxShards || k+m > maxShards:
		return geometry{}, fmt.Errorf("%w: %d data and %d parity shards", errMalformed, k, m)
	case blockSize < minBlockSize || blockSize > maxBlockSize || !powerOfTwo(int64(blockSize)):
		return geometry{}, fmt.Errorf("%w: block size %d", errMalformed, blockSize)
	case body < 1 || body > maxBody:
		return geometry{}, fmt.Errorf("%w: body of %d bytes", errMalformed, body)
	}
	g := geometry{k: int(k), m: int(m), blockSize: int64(blockSize), body: int64(body)}
	stripe := int64(k) * g.blockSize
	g.full = (g.body - 1) / stripe
	rest := g.body - g.full*stripe
	g.last = min(g.blockSize, ceil4k((rest+int64(k)-1)/int64(k)))
	return g, nil
}

func (g geometry) shards() int      { return g.k + g.m }
func (g geometry) stripes() int64   { return g.full + 1 }
func (g geometry) shardLen() int64  { return g.full*g.blockSize + g.last }
func (g geometry) stored() int64    { return g.shardLen() * int64(g.shards()) }
func (g geometry) lineLen() int     { return 32*g.k + 8*g.m }
func (g geometry) listLen() int64   { return g.stripes() * int64(g.lineLen()) }
func (g geometry) pieceLen() int64  { return (g.listLen() + int64(g.k) - 1) / int64(g.k) }
func (g geometry) dataMask() uint32 { return 1<<g.k - 1 }

func (g geometry) blockLen(stripe int64) int64 {
	if stripe == g.full {
		return g.last
	}
	return g.blockSize
}

// locate finds body byte off: its stripe, data block, offset in the block, and
// how many bytes of the body follow in that block.
func (g geometry) locate(off int64) (stripe int64, block int, at, left int64) {
	stripe = off / (int64(g.k) * g.blockSize)
	rest := off - stripe*int64(g.k)*g.blockSize
	length := g.blockLen(stripe)
	block, at = int(rest/length), rest%length
	return stripe, block, at, length - at
}
