// Package sha256x2 runs the block function of SHA-256 (FIPS 180-4) over two
// streams at once, on CPUs whose SHA instructions wait for each other when there
// is only one. It is a kernel, not a hash: whoever calls it pads, counts, and
// has another engine where [Fast] is false.
//
//	a ‖ p   and   b ‖ q    →   a', b'     (Blocks: two messages)
//	a ‖ p   and   b ‖ p    →   a', b'     (Same: one message, two states)
package sha256x2

import "fmt"

// BlockSize is the length of a block, in bytes.
const BlockSize = 64

// chunk bounds one call of assembly, which cannot be preempted, to about 0.1 ms.
const chunk = 256 << 10

// Initial is the state before the first block.
var Initial = [8]uint32{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}

var constants = [64]uint32{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}

// Blocks takes p into state a and q into state b. Both are the same whole number
// of blocks long; anything else is a mistake of the caller and panics.
func Blocks(a, b *[8]uint32, p, q []byte) {
	check(len(p), len(q))
	for len(p) > 0 {
		n := min(len(p), chunk)
		blocks(a, b, &p[0], &q[0], n/BlockSize, &constants)
		p, q = p[n:], q[n:]
	}
}

// Same takes p, whole blocks, into both states.
func Same(a, b *[8]uint32, p []byte) {
	check(len(p), len(p))
	for len(p) > 0 {
		n := min(len(p), chunk)
		same(a, b, &p[0], n/BlockSize, &constants)
		p = p[n:]
	}
}

func check(p, q int) {
	if p != q || p%BlockSize != 0 {
		panic(fmt.Sprintf("sha256x2: %d and %d bytes are not the same number of whole blocks", p, q))
	}
}
