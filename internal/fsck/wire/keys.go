package wire

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// Trust is what the verifier's user knows by another channel: the public key
// of the job signer, or its fingerprint ("sha256:…"), or both.
//
// A fingerprint alone works only if the job file shows the key itself.
type Trust struct {
	Key         ed25519.PublicKey
	Fingerprint string
}

// Fingerprint is the fingerprint of an Ed25519 public key as format.md 1 has it.
func Fingerprint(key ed25519.PublicKey) string { return "sha256:" + Sha256Hex(SpkiOf(key)) }

var spkiPrefix = []byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}

func SpkiOf(key ed25519.PublicKey) []byte { return append(bytes.Clone(spkiPrefix), key...) }

// parseSPKI takes the DER SubjectPublicKeyInfo of an Ed25519 key, which has one form.
func parseSPKI(der []byte) (ed25519.PublicKey, error) {
	if len(der) != len(spkiPrefix)+ed25519.PublicKeySize || !bytes.HasPrefix(der, spkiPrefix) {
		return nil, fmt.Errorf("%w: not an Ed25519 SubjectPublicKeyInfo", ErrMalformed)
	}
	return ed25519.PublicKey(der[len(spkiPrefix):]), nil
}

// Unbase64 takes the one canonical base64 of some bytes: Go's strict decoder
// still skips line ends.
func Unbase64(text string) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err == nil && base64.StdEncoding.EncodedLen(len(b)) != len(text) {
		err = base64.CorruptInputError(len(text))
	}
	return b, err
}

func parseSPKIText(text string) (ed25519.PublicKey, error) {
	der, err := Unbase64(text)
	if err != nil {
		return nil, fmt.Errorf("%w: public key: %v", ErrMalformed, err)
	}
	return parseSPKI(der)
}

func DeviceID(key ed25519.PublicKey) ID {
	sum := sha256.Sum256(SpkiOf(key))
	return ID(sum[:16])
}

// Validate holds for nil: nothing is known, and no origin is proven.
func (t *Trust) Validate() error {
	if t == nil {
		return nil
	}
	if len(t.Key) != 0 && len(t.Key) != ed25519.PublicKeySize {
		return fmt.Errorf("trusted key of %d bytes is not an Ed25519 key", len(t.Key))
	}
	if t.Fingerprint != "" {
		digits, ok := strings.CutPrefix(t.Fingerprint, "sha256:")
		if raw, err := hex.DecodeString(digits); !ok || err != nil || len(raw) != 32 {
			return fmt.Errorf("trusted fingerprint %q is not sha256: and 64 hexadecimal characters", t.Fingerprint)
		}
	}
	if len(t.Key) == 0 && t.Fingerprint == "" {
		return fmt.Errorf("trust names neither a key nor a fingerprint")
	}
	if len(t.Key) != 0 && t.Fingerprint != "" && !t.matches(t.Key) {
		return fmt.Errorf("trusted key and fingerprint differ")
	}
	return nil
}

func (t *Trust) matches(key ed25519.PublicKey) bool {
	return strings.EqualFold(t.Fingerprint, Fingerprint(key))
}

// VerifyContext checks a context signature (format.md 1).
func VerifyContext(key ed25519.PublicKey, context string, message, sig []byte) bool {
	signed := append([]byte("sledge/1 "+context+"\x00"), message...)
	return len(sig) == ed25519.SignatureSize && ed25519.Verify(key, signed, sig)
}
