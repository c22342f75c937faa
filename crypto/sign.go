package crypto

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
)

const (
	privatePEM = "PRIVATE KEY" // PKCS#8, RFC 5958 and RFC 8410
	publicPEM  = "PUBLIC KEY"  // SubjectPublicKeyInfo, RFC 5280 and RFC 8410
	maxKeyPEM  = 4 << 10
)

// GenerateSigningKey makes an Ed25519 key (RFC 8032) from the system's
// randomness.
func GenerateSigningKey() (ed25519.PrivateKey, error) {
	_, priv, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return priv, nil
}

// EncodePrivateKey is the PKCS#8 PEM of a private key, as openssl reads it.
func EncodePrivateKey(priv ed25519.PrivateKey) ([]byte, error) {
	if len(priv) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("signing key is %d bytes, want %d", len(priv), ed25519.PrivateKeySize)
	}
	der, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: privatePEM, Bytes: der}), nil
}

// ParsePrivateKey reads one unencrypted PKCS#8 PEM block with an Ed25519 key.
func ParsePrivateKey(text []byte) (ed25519.PrivateKey, error) {
	der, err := onePEM(text, privatePEM)
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("signing key is not PKCS#8")
	}
	priv, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("signing key is not an Ed25519 key")
	}
	return priv, nil
}

// EncodePublicKey is the SubjectPublicKeyInfo PEM of a public key.
func EncodePublicKey(pub ed25519.PublicKey) ([]byte, error) {
	der, err := spki(pub)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicPEM, Bytes: der}), nil
}

// ParsePublicKey reads one SubjectPublicKeyInfo PEM block with an Ed25519 key.
func ParsePublicKey(text []byte) (ed25519.PublicKey, error) {
	der, err := onePEM(text, publicPEM)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	pub, ok := key.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("public key is not an Ed25519 key")
	}
	return pub, nil
}

// KeyID is the lower-case hex SHA-256 of a public key's SubjectPublicKeyInfo
// DER. It panics on a key of another length.
func KeyID(pub ed25519.PublicKey) string {
	der, err := spki(pub)
	if err != nil {
		panic("crypto: KeyID: " + err.Error())
	}
	sum := SumSHA256(der)
	return hex.EncodeToString(sum[:])
}

// Fingerprint is "sha256:" and the KeyID: what people compare and --trust takes.
func Fingerprint(pub ed25519.PublicKey) string { return "sha256:" + KeyID(pub) }

// SignContext signs "sledge/1 " || context || 0x00 || msg, so that a signature
// for one context is worth nothing in another, nor as a note (a note holds no
// NUL) or an envelope (which starts with "DSSEv1"). It panics if context is
// empty or holds a NUL.
func SignContext(priv ed25519.PrivateKey, context string, msg []byte) []byte {
	mustBeContext("SignContext", context)
	return ed25519.Sign(priv, bound(context, msg))
}

// VerifyContext checks a signature of SignContext; all that is not one is
// ErrSignature.
func VerifyContext(pub ed25519.PublicKey, context string, msg, sig []byte) error {
	mustBeContext("VerifyContext", context)
	if len(pub) != ed25519.PublicKeySize || !ed25519.Verify(pub, bound(context, msg), sig) {
		return ErrSignature
	}
	return nil
}

func spki(pub ed25519.PublicKey) ([]byte, error) {
	if len(pub) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("public key is %d bytes, want %d", len(pub), ed25519.PublicKeySize)
	}
	der, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	return der, nil
}

// onePEM returns the bytes of the one PEM block that text holds.
func onePEM(text []byte, kind string) ([]byte, error) {
	if len(text) > maxKeyPEM {
		return nil, fmt.Errorf("text is %d bytes, at most %d are allowed", len(text), maxKeyPEM)
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != kind || len(block.Headers) != 0 {
		return nil, fmt.Errorf("no PEM block of type %q", kind)
	}
	if len(bytes.TrimSpace(rest)) != 0 {
		return nil, fmt.Errorf("data follows the PEM block")
	}
	return block.Bytes, nil
}
