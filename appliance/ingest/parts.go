package ingest

import (
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/crypto"
)

// partHash hashes the parts that a client cut its content into.
type partHash struct {
	sizes []int64 // of the parts that are to come, the first one less what came of it
	parts []journal.Part
	size  int64 // of the first one
	hash  crypto.ResumableHash
}

// newPartHash is nil for a client without parts.
func newPartHash(sizes []int64) *partHash {
	if len(sizes) == 0 {
		return nil
	}
	return &partHash{sizes: append([]int64(nil), sizes...), size: sizes[0], hash: crypto.NewResumableSHA256()}
}

// write takes content, as long as it is in the list.
func (h *partHash) write(b []byte) {
	if h == nil {
		return
	}
	for len(b) > 0 && len(h.sizes) > 0 {
		n := min(int64(len(b)), h.sizes[0])
		h.hash.Write(b[:n])
		b = b[n:]
		if h.sizes[0] -= n; h.sizes[0] > 0 {
			return
		}
		p := journal.Part{Size: h.size}
		copy(p.SHA256[:], h.hash.Sum(nil))
		h.parts = append(h.parts, p)
		h.hash.Reset()
		if h.sizes = h.sizes[1:]; len(h.sizes) > 0 {
			h.size = h.sizes[0]
		}
	}
}

// list is nil without parts.
func (h *partHash) list() []journal.Part {
	if h == nil {
		return nil
	}
	return h.parts
}
