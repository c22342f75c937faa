package crypto

import (
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
)

// KeySize is the length of the load key, of every root and of every key that
// this package encrypts with: AES-256.
const KeySize = 32

// infoPrefix opens every derivation, binding and signature context of format
// version 1, so that no value made here means anything elsewhere.
const infoPrefix = "sledge/1 "

// minSecret is the shortest secret that may be derived from: HKDF refuses less
// than 112 bits when FIPS 140-3 is enforced, and no secret of ours is shorter.
const minSecret = 16

// NewLoadKey makes a load key from rand, which must be a cryptographic source
// such as crypto/rand.Reader.
func NewLoadKey(rand io.Reader) ([]byte, error) {
	k := make([]byte, KeySize)
	if _, err := io.ReadFull(rand, k); err != nil {
		return nil, fmt.Errorf("load key: %w", err)
	}
	return k, nil
}

// Derive is HKDF-SHA-256 (RFC 5869, extract and expand, empty salt) with
//
//	info = "sledge/1 " || purpose || 0x00 || context
//
// A purpose holds no NUL, so two different pairs never give one info. Derive
// panics on a programmer's mistake: a secret under 16 bytes, an empty purpose or
// one with a NUL, a length outside 1…8160.
func Derive(secret []byte, purpose string, context []byte, n int) []byte {
	if len(secret) < minSecret {
		panic("crypto: Derive: secret is too short")
	}
	mustBeContext("Derive", purpose)
	if n < 1 || n > 255*sha256.Size {
		panic("crypto: Derive: length out of range")
	}
	out, err := hkdf.Key(sha256.New, secret, nil, string(bound(purpose, context)), n)
	if err != nil {
		panic("crypto: Derive: " + err.Error())
	}
	return out
}

// KeyCheck is the public 16 bytes by which a wrap's log entry names its load
// key: whoever opens the wrap sees that he holds the K that the packs were
// written under. It tells nothing else about K.
func KeyCheck(k []byte) []byte {
	return Derive(k, "check", nil, 16)
}

// bound is "sledge/1 " || label || 0x00 || rest….
func bound(label string, rest ...[]byte) []byte {
	return slices.Concat(append([][]byte{[]byte(infoPrefix + label + "\x00")}, rest...)...)
}

// mustBeContext panics unless s can stand before the NUL of [bound].
func mustBeContext(who, s string) {
	if s == "" || strings.IndexByte(s, 0) >= 0 {
		panic("crypto: " + who + ": purpose is empty or holds a NUL")
	}
}
