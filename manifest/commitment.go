package manifest

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"

	"github.com/sledge-io/sledge/crypto"
)

// Salt is the salt of record i of a page (section 7.3).
func (k *Keys) Salt(indexPack ID, page uint64, i int) (salt [32]byte) {
	var b [hmacPad + len(indexPack) + 12]byte
	at := hmacPad + copy(b[hmacPad:], indexPack[:])
	binary.BigEndian.PutUint64(b[at:], page)
	binary.BigEndian.PutUint32(b[at+8:], uint32(i))
	return hmacSHA256([32]byte(k.salt), b[:])
}

// Commitment is HMAC-SHA-256(salt, record).
func Commitment(salt [32]byte, record []byte) [32]byte {
	return hmacSHA256(salt, append(make([]byte, hmacPad, hmacPad+len(record)), record...))
}

// commitments is the tree over the commitments of one page's records.
type commitments struct {
	keys      *Keys
	indexPack ID
	page      uint64
	tree      Tree
	scratch   []byte
}

func (c *commitments) add(record []byte) {
	salt := c.keys.Salt(c.indexPack, c.page, int(c.tree.Size()))
	c.scratch = append(slices.Grow(c.scratch[:0], hmacPad+len(record))[:hmacPad], record...)
	sum := hmacSHA256(salt, c.scratch)
	c.tree.Add(sum[:])
}

// hmacPad is the room before the message: SHA-256's block.
const hmacPad = 64

// hmacSHA256 is HMAC-SHA-256 (RFC 2104) of b[hmacPad:]; the bytes before it are
// overwritten. A page takes it two thousand times, each time under another key,
// and crypto/hmac allocates eight times a key. In FIPS mode that is the one to use.
func hmacSHA256(key [32]byte, b []byte) (sum [32]byte) {
	if fips140.Enabled() {
		h := hmac.New(sha256.New, key[:])
		h.Write(b[hmacPad:])
		h.Sum(sum[:0])
		return sum
	}
	var outer [hmacPad + 32]byte
	for i := range hmacPad {
		var k byte
		if i < len(key) {
			k = key[i]
		}
		b[i], outer[i] = k^0x36, k^0x5c
	}
	inner := crypto.SumSHA256(b)
	copy(outer[hmacPad:], inner[:])
	return crypto.SumSHA256(outer[:])
}
