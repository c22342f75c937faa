package crypto

import (
	"crypto/fips140"
	"crypto/sha256"
	"encoding"
	"hash"

	sha256simd "github.com/minio/sha256-simd"
)

// ResumableHash is a hash whose state can be journalled and taken up again.
type ResumableHash interface {
	hash.Hash
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// NewSHA256 is the one constructor of SHA-256 for payload. It takes sha256-simd,
// or the standard library's module where FIPS 140-3 mode is on, because
// sha256-simd bypasses that module.
func NewSHA256() hash.Hash {
	if fips140.Enabled() {
		return sha256.New()
	}
	return sha256simd.New()
}

// SumSHA256 is the SHA-256 of b, by the same choice as [NewSHA256].
func SumSHA256(b []byte) [32]byte {
	if fips140.Enabled() {
		return sha256.Sum256(b)
	}
	return sha256simd.Sum256(b)
}

// NewResumableSHA256 is [NewSHA256] with a state that can be journalled.
//
// Found in sha256-simd v1.0.1: with SHA extensions (amd64, arm64) its own digest
// implements BinaryMarshaler and BinaryUnmarshaler; without them it returns the
// standard library's, which does too. Both write the same 108 bytes ("sha\x03",
// eight words, the block buffer, the length), so a state journalled by one is
// taken up by the other, on another CPU or with FIPS mode switched. The state of
// a hash is not secret-free: journal it only in encrypted frames.
func NewResumableSHA256() ResumableHash {
	if h, ok := NewSHA256().(ResumableHash); ok {
		return h
	}
	return sha256.New().(ResumableHash)
}
