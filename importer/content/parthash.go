package content

import (
	"hash"

	"github.com/sledge-io/sledge/crypto"
)

// partHash is the SHA-256 of each part of a stream.
type partHash struct {
	size int64 // 0: all is one part
	left int64 // of the part that is open
	open hash.Hash
	sums [][32]byte
}

func newPartHash(size int64) partHash {
	return partHash{size: size, left: size, open: crypto.NewSHA256()}
}

func (p *partHash) write(b []byte) {
	for p.size > 0 && int64(len(b)) >= p.left {
		p.open.Write(b[:p.left])
		b, p.left = b[p.left:], 0
		p.close()
	}
	if len(b) > 0 {
		p.open.Write(b)
		p.left -= int64(len(b))
	}
}

// close ends the part that is open, unless nothing is in it that was not counted.
func (p *partHash) close() {
	if p.size > 0 && p.left == p.size && len(p.sums) > 0 {
		return
	}
	p.sums = append(p.sums, [32]byte(p.open.Sum(nil)))
	p.open.Reset()
	p.left = p.size
}
