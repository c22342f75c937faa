package disks

import (
	"crypto/sha256"
	"hash"

	"github.com/sledge-io/sledge/internal/fsck/sha256pair"
)

// blockHashes are the hashes of a stripe's data blocks. All are of one length, so
// they are taken two at a time; a last one without a partner goes alone.
type blockHashes struct {
	pairs []sha256pair.Pair
	odd   bool // one more block has no partner
	alone hash.Hash
}

// reset begins k blocks.
func (h *blockHashes) reset(k int) {
	if cap(h.pairs) < k/2 {
		h.pairs = make([]sha256pair.Pair, k/2)
	}
	h.pairs = h.pairs[:k/2]
	for i := range h.pairs {
		h.pairs[i].Reset()
	}
	if h.odd = k%2 == 1; h.odd && h.alone == nil {
		h.alone = sha256.New()
	} else if h.odd {
		h.alone.Reset()
	}
}

// write adds bytes [from, to) of each row to its block.
func (h *blockHashes) write(rows [][]byte, from, to int64) {
	for i := range h.pairs {
		h.pairs[i].Write(rows[2*i][from:to], rows[2*i+1][from:to])
	}
	if h.odd {
		h.alone.Write(rows[2*len(h.pairs)][from:to])
	}
}

// sums appends the blocks' digests, in their order. The next call is reset.
func (h *blockHashes) sums(to []byte) []byte {
	for i := range h.pairs {
		x, y := h.pairs[i].Sum()
		to = append(append(to, x[:]...), y[:]...)
	}
	if h.odd {
		to = h.alone.Sum(to)
	}
	return to
}
