package crypto

import (
	"crypto/hpke"
	"fmt"
	"io"
)

// Lengths of the site key's encodings and of a wrap to it.
const (
	SiteKeySize       = 32   // the private key: X-Wing's seed
	SitePublicKeySize = 1216 // ML-KEM-768 encapsulation key (1184) || X25519 (32)
	SiteWrapSize      = 1120 + KeySize + tagSize
)

// SiteKey is the data centre's private key for one job: HPKE (RFC 9180, base
// mode) with MLKEM768-X25519 (X-Wing, KEM id 0x647a), HKDF-SHA256 and
// AES-256-GCM.
//
// Its encoding is X-Wing's 32-byte seed. SHAKE256(seed) gives 96 bytes: ML-KEM's
// seed d || z (64), then the X25519 private key (32), for libraries that take the
// two halves.
type SiteKey struct {
	key hpke.PrivateKey
}

// GenerateSiteKey makes a site key from the system's randomness.
func GenerateSiteKey() (*SiteKey, error) {
	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("site key: %w", err)
	}
	return &SiteKey{key: key}, nil
}

// ParseSiteKey reads the encoding that Bytes returns.
func ParseSiteKey(seed []byte) (*SiteKey, error) {
	if len(seed) != SiteKeySize {
		return nil, fmt.Errorf("site key is %d bytes, want %d", len(seed), SiteKeySize)
	}
	key, err := hpke.MLKEM768X25519().NewPrivateKey(seed)
	if err != nil {
		return nil, fmt.Errorf("site key: %w", err)
	}
	return &SiteKey{key: key}, nil
}

// Bytes is the private key's encoding, SiteKeySize bytes.
func (s *SiteKey) Bytes() ([]byte, error) {
	seed, err := s.key.Bytes()
	if err != nil {
		return nil, fmt.Errorf("site key: %w", err)
	}
	return append([]byte(nil), seed...), nil
}

// PublicKey is the public key's encoding, SitePublicKeySize bytes.
func (s *SiteKey) PublicKey() []byte { return s.key.PublicKey().Bytes() }

// String is a fixed text, not the key.
func (s *SiteKey) String() string { return "site key (not shown)" }

// Format prints the fixed text for every verb.
func (s *SiteKey) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// SiteKeyID is the recipient key id of a site key: SHA-256 of its public
// encoding.
func SiteKeyID(pub []byte) [32]byte { return SumSHA256(pub) }

// WrapToSite encrypts k to a site's public key; the result is HPKE's
// encapsulated key (1120 bytes) || ciphertext || tag. info is b.Bytes(WrapSite).
// Who encrypts is not proven by HPKE's base mode: the signed wrap entry does
// that.
func WrapToSite(pub, k []byte, b WrapBinding) ([]byte, error) {
	if err := checkLoadKey(k); err != nil {
		return nil, err
	}
	key, err := hpke.MLKEM768X25519().NewPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("site public key: %w", err)
	}
	body, err := hpke.Seal(key, hpke.HKDFSHA256(), hpke.AES256GCM(), b.Bytes(WrapSite), k)
	if err != nil {
		return nil, fmt.Errorf("wrap to site: %w", err)
	}
	return body, nil
}

// Unwrap opens a wrap to this site key. Another key or binding, or a changed
// wrap, is ErrKey; another length is ErrCorrupt.
func (s *SiteKey) Unwrap(body []byte, b WrapBinding) ([]byte, error) {
	if len(body) != SiteWrapSize {
		return nil, fmt.Errorf("wrap to site is %d bytes, want %d: %w", len(body), SiteWrapSize, ErrCorrupt)
	}
	k, err := hpke.Open(s.key, hpke.HKDFSHA256(), hpke.AES256GCM(), b.Bytes(WrapSite), body)
	if err != nil {
		return nil, ErrKey
	}
	return k, nil
}
