package crypto

import (
	"crypto/fips140"
	"encoding/binary"

	"github.com/sledge-io/sledge/crypto/sha256x2"
)

// SHA-256 of two streams at once takes little longer than of one on CPUs whose
// SHA instructions wait for each other. These functions give the same digests as
// one after the other; elsewhere, in FIPS 140-3 mode, and for a few bytes they do
// just that.

// minPair is from where on two lanes pay for taking states apart.
const minPair = 2048

// pairs tells whether two lanes are used.
func pairs() bool { return sha256x2.Fast && !fips140.Enabled() }

// WriteSHA256Pair writes p into a and q into b, two hashes of [NewResumableSHA256]
// that are not the same one. It gains most where p and q are of one length.
func WriteSHA256Pair(a, b ResumableHash, p, q []byte) {
	if min(len(p), len(q)) >= minPair && pairs() {
		x, y := open(a), open(b)
		p, q = p[align(a, x, p):], q[align(b, y, q):]
		n := min(len(p), len(q)) / sha256x2.BlockSize * sha256x2.BlockSize
		if x.reopen(a) && y.reopen(b) {
			sha256x2.Blocks(&x.words, &y.words, p[:n], q[:n])
			x.close(a, n)
			y.close(b, n)
			p, q = p[n:], q[n:]
		}
	}
	a.Write(p)
	b.Write(q)
}

// WriteSHA256Both writes p into both hashes. It gains where they have taken
// numbers of bytes that are the same modulo 64.
func WriteSHA256Both(a, b ResumableHash, p []byte) {
	if len(p) >= minPair && pairs() {
		x, y := open(a), open(b)
		if x.length%sha256x2.BlockSize == y.length%sha256x2.BlockSize {
			head := align(a, x, p)
			align(b, y, p)
			p = p[head:]
			n := len(p) / sha256x2.BlockSize * sha256x2.BlockSize
			if x.reopen(a) && y.reopen(b) {
				sha256x2.Same(&x.words, &y.words, p[:n])
				x.close(a, n)
				y.close(b, n)
				p = p[n:]
			}
		}
	}
	a.Write(p)
	b.Write(p)
}

// SumSHA256Pair is [SumSHA256] of p and of q.
func SumSHA256Pair(p, q []byte) (x, y [32]byte) {
	if len(p) != len(q) || len(p) < minPair || !pairs() {
		return SumSHA256(p), SumSHA256(q)
	}
	a, b := sha256x2.Initial, sha256x2.Initial
	n := len(p) / sha256x2.BlockSize * sha256x2.BlockSize
	sha256x2.Blocks(&a, &b, p[:n], q[:n])
	var tails [2][2 * sha256x2.BlockSize]byte
	size := sha256x2.BlockSize
	if len(p)-n > sha256x2.BlockSize-9 {
		size *= 2
	}
	for i, rest := range [][]byte{p[n:], q[n:]} {
		tails[i][copy(tails[i][:], rest)] = 0x80
		binary.BigEndian.PutUint64(tails[i][size-8:], uint64(len(p))*8)
	}
	sha256x2.Blocks(&a, &b, tails[0][:size], tails[1][:size])
	for i := range a {
		binary.BigEndian.PutUint32(x[4*i:], a[i])
		binary.BigEndian.PutUint32(y[4*i:], b[i])
	}
	return x, y
}

// hashState is a hash's state between blocks. Both engines marshal it alike, in
// 108 bytes: "sha\x03", eight words, the block buffer, the length.
type hashState struct {
	words  [8]uint32
	length uint64
	raw    []byte
}

const (
	rawWords  = 4
	rawBuffer = rawWords + 32
	rawLength = rawBuffer + sha256x2.BlockSize
	rawSize   = rawLength + 8
)

// open takes a hash's state out. A state of another form cannot come from our
// engines; it counts as one that is not between blocks.
func open(h ResumableHash) *hashState {
	raw, err := h.MarshalBinary()
	if err != nil || len(raw) != rawSize {
		return &hashState{length: 1}
	}
	s := &hashState{raw: raw, length: binary.BigEndian.Uint64(raw[rawLength:])}
	for i := range s.words {
		s.words[i] = binary.BigEndian.Uint32(raw[rawWords+4*i:])
	}
	return s
}

// align writes what h still needs to be between blocks, and says how much of p
// that was.
func align(h ResumableHash, s *hashState, p []byte) int {
	rest := int(s.length % sha256x2.BlockSize)
	if rest == 0 {
		return 0
	}
	n, _ := h.Write(p[:sha256x2.BlockSize-rest]) // never fails
	return n
}

// reopen looks at the state again where align has moved it on, and tells whether
// it is between blocks.
func (s *hashState) reopen(h ResumableHash) bool {
	if s.length%sha256x2.BlockSize != 0 {
		*s = *open(h)
	}
	return s.length%sha256x2.BlockSize == 0
}

// close puts the state back after n more bytes.
func (s *hashState) close(h ResumableHash, n int) {
	for i, w := range s.words {
		binary.BigEndian.PutUint32(s.raw[rawWords+4*i:], w)
	}
	clear(s.raw[rawBuffer:rawLength])
	binary.BigEndian.PutUint64(s.raw[rawLength:], s.length+uint64(n))
	if err := h.UnmarshalBinary(s.raw); err != nil {
		panic("crypto: a SHA-256 state could not be put back: " + err.Error()) // it came from h
	}
}
