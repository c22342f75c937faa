package wire

import (
	"crypto/sha256"

	"golang.org/x/mod/sumdb/tlog"
)

// TreeStack computes RFC 6962 roots from left to right in log(n) memory. It
// takes complete subtrees of falling or equal size, leaf hashes most often.
type TreeStack struct {
	hashes []tlog.Hash
	sizes  []int64
}

func (t *TreeStack) Push(h tlog.Hash, leaves int64) {
	for n := len(t.sizes); n > 0 && t.sizes[n-1] == leaves; n = len(t.sizes) {
		h = tlog.NodeHash(t.hashes[n-1], h)
		leaves *= 2
		t.hashes, t.sizes = t.hashes[:n-1], t.sizes[:n-1]
	}
	t.hashes = append(t.hashes, h)
	t.sizes = append(t.sizes, leaves)
}

func (t *TreeStack) Reset() { t.hashes, t.sizes = t.hashes[:0], t.sizes[:0] }

// Root of nothing is the SHA-256 of nothing.
func (t *TreeStack) Root() tlog.Hash {
	n := len(t.hashes)
	if n == 0 {
		return sha256.Sum256(nil)
	}
	h := t.hashes[n-1]
	for i := n - 2; i >= 0; i-- {
		h = tlog.NodeHash(t.hashes[i], h)
	}
	return h
}

// RootOver is the root over leaf or subtree hashes of one size.
func RootOver(hashes []tlog.Hash) tlog.Hash {
	var t TreeStack
	for _, h := range hashes {
		t.Push(h, 1)
	}
	return t.Root()
}
