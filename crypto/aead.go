package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"
)

const (
	nonceSize = 12
	tagSize   = 16
	// sealedOverhead is what AES-256-GCM with its own nonce adds:
	// nonce || ciphertext || tag.
	sealedOverhead = nonceSize + tagSize
)

// newAEAD is the one AEAD of this package: AES-256-GCM whose Seal draws a random
// 96-bit nonce and puts it first (SP 800-38D, section 8.2.2). It is the only GCM
// that Go allows when FIPS 140-3 is enforced. One key may encrypt at most 2^32
// messages; each user of it states how it stays below.
func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("key is %d bytes, want %d", len(key), KeySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
