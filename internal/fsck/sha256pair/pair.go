// Package sha256pair hashes two messages of one length at once. On CPUs whose SHA
// instructions wait for each other, two take little longer than one. The verifier
// has its own engine for this, so that it shares none with the writer:
//
//	var h sha256pair.Pair
//	h.Reset()
//	h.Write(p, q)
//	x, y := h.Sum()    // SHA-256 of p, SHA-256 of q
//
// The engine is used only after it has given the digests of crypto/sha256 in this
// process. Where it does not, on other CPUs, and in FIPS 140-3 mode, crypto/sha256
// hashes one message after the other.
package sha256pair

import (
	"crypto/fips140"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"
)

const (
	blockSize = sha256.BlockSize
	// chunk bounds one call of assembly, which cannot be preempted, to about 0.1 ms.
	chunk = 128 << 10
)

// Pair is the hash of two messages. Its zero value must be Reset before use.
type Pair struct {
	engine   engine       // nil: crypto/sha256
	standard [2]hash.Hash // what hashes instead of the engine
	states   [2][8]uint32
	rest     [2][blockSize]byte // of each message, what fills no block yet
	length   uint64             // of each message
}

// An engine takes n blocks of p into state a, and n of q into b.
type engine func(a, b *[8]uint32, p, q *byte, n int, k *[64]uint32)

// Reset begins two new messages.
func (h *Pair) Reset() { h.reset(chosen()) }

func (h *Pair) reset(engine engine) {
	h.engine, h.length = engine, 0
	switch {
	case engine != nil:
		h.states = [2][8]uint32{initial, initial}
	case h.standard[0] == nil:
		h.standard = [2]hash.Hash{sha256.New(), sha256.New()}
	default:
		h.standard[0].Reset()
		h.standard[1].Reset()
	}
}

// Write adds p to the first message and q, as long, to the second. Other lengths
// are a mistake of the caller and panic.
func (h *Pair) Write(p, q []byte) {
	if len(p) != len(q) {
		panic(fmt.Sprintf("sha256pair: %d and %d bytes are not of one length", len(p), len(q)))
	}
	if h.engine == nil {
		h.standard[0].Write(p)
		h.standard[1].Write(q)
		return
	}
	kept := int(h.length % blockSize)
	h.length += uint64(len(p))
	if kept > 0 {
		n := copy(h.rest[0][kept:], p)
		copy(h.rest[1][kept:], q)
		if kept+n < blockSize {
			return
		}
		h.blocks(h.rest[0][:], h.rest[1][:])
		p, q = p[n:], q[n:]
	}
	whole := len(p) / blockSize * blockSize
	h.blocks(p[:whole], q[:whole])
	copy(h.rest[0][:], p[whole:])
	copy(h.rest[1][:], q[whole:])
}

// blocks takes p and q, whole blocks.
func (h *Pair) blocks(p, q []byte) {
	for len(p) > 0 {
		n := min(len(p), chunk)
		h.engine(&h.states[0], &h.states[1], &p[0], &q[0], n/blockSize, &constants)
		p, q = p[n:], q[n:]
	}
}

// Sum ends both messages. The next call is Reset.
func (h *Pair) Sum() (x, y [32]byte) {
	if h.engine == nil {
		h.standard[0].Sum(x[:0])
		h.standard[1].Sum(y[:0])
		return x, y
	}
	// FIPS 180-4, 5.1.1: a one, zeros, and the length in bits.
	bits := h.length * 8
	var pad [blockSize + 8]byte
	pad[0] = 0x80
	n := blockSize - int(h.length+8)%blockSize // 1 to 64
	binary.BigEndian.PutUint64(pad[n:], bits)
	h.Write(pad[:n+8], pad[:n+8])
	for i := range 8 {
		binary.BigEndian.PutUint32(x[4*i:], h.states[0][i])
		binary.BigEndian.PutUint32(y[4*i:], h.states[1][i])
	}
	return x, y
}

// chosen is the engine of this process.
var chosen = sync.OnceValue(func() engine {
	if fast() && !fips140.Enabled() && agrees(blocks) {
		return blocks
	}
	return nil
})

// agrees compares an engine with crypto/sha256: empty messages, part of a block,
// whole blocks, and more than a call's worth.
func agrees(engine engine) bool {
	p, q := make([]byte, chunk+3*blockSize), make([]byte, chunk+3*blockSize)
	for i := range p {
		p[i], q[i] = byte(i*7>>3), byte(i*11>>2)
	}
	for _, n := range []int{0, 1, 55, 56, 63, 64, 65, 119, 128, 1000, len(p)} {
		var h Pair
		h.reset(engine)
		first := min(n, 41)
		h.Write(p[:first], q[:first])
		h.Write(p[first:n], q[first:n])
		x, y := h.Sum()
		if x != sha256.Sum256(p[:n]) || y != sha256.Sum256(q[:n]) {
			return false
		}
	}
	return true
}
