package manifest

import (
	"crypto/sha256"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/crypto"
)

// Tree computes an RFC 6962 root over leaf data that come one by one, in
// memory of log2(n) hashes. The zero value is an empty tree.
type Tree struct {
	size  uint64
	stack [][32]byte // roots of the full subtrees, largest first
}

// LeafHash is SHA-256(0x00 ‖ data).
func LeafHash(data []byte) [32]byte {
	var b [256]byte // the usual leaf fits
	return crypto.SumSHA256(append(append(b[:0], 0), data...))
}

// nodeHash is SHA-256(0x01 ‖ left ‖ right).
func nodeHash(l, r [32]byte) [32]byte {
	var b [65]byte
	b[0] = 1
	copy(b[1:], l[:])
	copy(b[33:], r[:])
	return crypto.SumSHA256(b[:])
}

// Add appends one leaf.
func (t *Tree) Add(data []byte) { t.AddHash(LeafHash(data)) }

// AddHash appends one leaf by its leaf hash.
func (t *Tree) AddHash(h [32]byte) {
	for n := t.size; n&1 == 1; n >>= 1 {
		top := len(t.stack) - 1
		h = nodeHash(t.stack[top], h)
		t.stack = t.stack[:top]
	}
	t.stack = append(t.stack, h)
	t.size++
}

// Size is the number of leaves.
func (t *Tree) Size() uint64 { return t.size }

// Root is the root over the leaves so far.
func (t *Tree) Root() [32]byte {
	if t.size == 0 {
		return sha256.Sum256(nil)
	}
	h := t.stack[len(t.stack)-1]
	for i := len(t.stack) - 2; i >= 0; i-- {
		h = nodeHash(t.stack[i], h)
	}
	return h
}

// RootOver is the root over a list of items.
func RootOver(items [][]byte) [32]byte {
	var t Tree
	for _, it := range items {
		t.Add(it)
	}
	return t.Root()
}

// inclusionPath returns RFC 6962's audit path of leaf i among the leaf hashes.
func inclusionPath(leaves [][32]byte, i int) [][32]byte {
	if len(leaves) <= 1 {
		return nil
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	if i < k {
		return append(inclusionPath(leaves[:k], i), subRoot(leaves[k:]))
	}
	return append(inclusionPath(leaves[k:], i-k), subRoot(leaves[:k]))
}

func subRoot(leaves [][32]byte) [32]byte {
	var t Tree
	for _, h := range leaves {
		t.AddHash(h)
	}
	return t.Root()
}

// checkInclusion verifies an audit path.
func checkInclusion(path [][32]byte, size, index uint64, leaf, root [32]byte) error {
	if index >= size || size > 1<<62 {
		return fmt.Errorf("%w: index %d of %d leaves", ErrUnverified, index, size)
	}
	p := make(tlog.RecordProof, len(path))
	for i, h := range path {
		p[i] = h
	}
	if err := tlog.CheckRecord(p, int64(size), tlog.Hash(root), int64(index), tlog.Hash(leaf)); err != nil {
		return fmt.Errorf("%w: inclusion proof: %w", ErrUnverified, err)
	}
	return nil
}
