package manifest

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"

	"github.com/sledge-io/sledge/crypto"
)

// sealBox is a box of section 4.2: nonce, ciphertext, tag; the plaintext is
// u16 length, content, zeros to the fixed size.
func sealBox(key, ad, content []byte, size int) ([]byte, error) {
	if len(content) > size-2 {
		return nil, fmt.Errorf("box of %d bytes for %d", size, len(content))
	}
	plain := make([]byte, size)
	binary.BigEndian.PutUint16(plain, uint16(len(content)))
	copy(plain[2:], content)
	aead, err := boxAEAD(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, plain, ad), nil
}

func openBox(key, ad, box []byte, size int) ([]byte, error) {
	aead, err := boxAEAD(key)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, box, ad)
	if err != nil {
		return nil, fmt.Errorf("box: %w", crypto.ErrKey)
	}
	if len(plain) != size || int(binary.BigEndian.Uint16(plain)) > size-2 {
		return nil, fmt.Errorf("%w: box of %d bytes", ErrCorrupt, len(plain))
	}
	n := 2 + int(binary.BigEndian.Uint16(plain))
	for _, c := range plain[n:] {
		if c != 0 {
			return nil, fmt.Errorf("%w: box padding is not zero", ErrCorrupt)
		}
	}
	return plain[2:n], nil
}

// boxAEAD draws its own random nonce, which the FIPS profile asks for.
func boxAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
