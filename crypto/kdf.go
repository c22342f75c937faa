package crypto

import (
	"crypto/fips140"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"

	"golang.org/x/crypto/argon2"
)

// The kinds of key derivation from an unlock code, a closed list.
const (
	KDFArgon2id = "argon2id"           // RFC 9106, version 0x13
	KDFPBKDF2   = "pbkdf2-hmac-sha256" // RFC 8018
)

// Bounds of the parameters: what a job file may ask a device to compute.
const (
	minSalt, maxSalt                     = 16, 64
	minArgonTime, maxArgonTime           = 1, 16
	minArgonMemoryKiB, maxArgonMemoryKiB = 8 << 10, 1 << 20
	minArgonThreads, maxArgonThreads     = 1, 16
	minIterations, maxIterations         = 100_000, 10_000_000
)

// KDFParams say how the unlock root is computed from the unlock code. They stand
// in the signed job file. Fields of the other kind must be zero.
type KDFParams struct {
	Kind       string `json:"kind"`
	Salt       []byte `json:"salt"`
	Time       uint32 `json:"time,omitempty"`       // argon2id: passes
	MemoryKiB  uint32 `json:"memory_kib,omitempty"` // argon2id
	Threads    uint32 `json:"threads,omitempty"`    // argon2id: lanes
	Iterations uint32 `json:"iterations,omitempty"` // pbkdf2-hmac-sha256
}

// DefaultKDF is what a new job uses, with a salt from rand: Argon2id with three
// passes over 64 MiB in two lanes, or PBKDF2-HMAC-SHA-256 with 600,000 rounds
// where FIPS 140-3 mode is on.
func DefaultKDF(rand io.Reader) (KDFParams, error) {
	p := KDFParams{Kind: KDFArgon2id, Salt: make([]byte, 16), Time: 3, MemoryKiB: 64 << 10, Threads: 2}
	if fips140.Enabled() {
		p = KDFParams{Kind: KDFPBKDF2, Salt: p.Salt, Iterations: 600_000}
	}
	if _, err := io.ReadFull(rand, p.Salt); err != nil {
		return KDFParams{}, fmt.Errorf("kdf salt: %w", err)
	}
	return p, nil
}

// Validate holds the parameters against the bounds, before anything is computed
// or allocated for them.
func (p KDFParams) Validate() error {
	if err := inBounds("salt length", len(p.Salt), minSalt, maxSalt); err != nil {
		return err
	}
	switch p.Kind {
	case KDFArgon2id:
		if p.Iterations != 0 {
			return fmt.Errorf("kdf %s: iterations belong to another kind", p.Kind)
		}
		if err := inBounds("time", p.Time, minArgonTime, maxArgonTime); err != nil {
			return err
		}
		if err := inBounds("memory_kib", p.MemoryKiB, minArgonMemoryKiB, maxArgonMemoryKiB); err != nil {
			return err
		}
		return inBounds("threads", p.Threads, minArgonThreads, maxArgonThreads)
	case KDFPBKDF2:
		if p.Time != 0 || p.MemoryKiB != 0 || p.Threads != 0 {
			return fmt.Errorf("kdf %s: time, memory_kib and threads belong to another kind", p.Kind)
		}
		return inBounds("iterations", p.Iterations, minIterations, maxIterations)
	default:
		return fmt.Errorf("kdf %.40q is unknown", p.Kind)
	}
}

func inBounds[T int | uint32](name string, v, low, high T) error {
	if v < low || v > high {
		return fmt.Errorf("kdf %s %d is outside %d…%d", name, v, low, high)
	}
	return nil
}

// Root computes the 32-byte unlock root of a code. The KDF's input is the code's
// 25 characters as upper-case ASCII, without hyphens and check character. Root
// does not know whether the code is the right one: see [CheckVerifier].
func (p KDFParams) Root(code UnlockCode) ([]byte, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if code.symbols == nil {
		return nil, fmt.Errorf("kdf: no unlock code given")
	}
	if p.Kind == KDFPBKDF2 {
		root, err := pbkdf2.Key(sha256.New, string(code.secret()), p.Salt, int(p.Iterations), KeySize)
		if err != nil {
			return nil, fmt.Errorf("kdf %s: %w", p.Kind, err)
		}
		return root, nil
	}
	if fips140.Enforced() {
		return nil, fmt.Errorf("kdf %s: %w", p.Kind, ErrNotInFIPS)
	}
	return argon2.IDKey(code.secret(), p.Salt, p.Time, p.MemoryKiB, uint8(p.Threads), KeySize), nil
}

// Unlock is Root and CheckVerifier in one: the root of the right code, or ErrKey.
func (p KDFParams) Unlock(code UnlockCode, verifier []byte) ([]byte, error) {
	root, err := p.Root(code)
	if err != nil {
		return nil, err
	}
	if err := CheckVerifier(root, verifier); err != nil {
		return nil, err
	}
	return root, nil
}

// Verifier is what the job file holds so that a device can tell the right code.
// It leads neither to the root nor to the unlock key.
func Verifier(root []byte) []byte { return Derive(root, "unlock verifier", nil, KeySize) }

// UnlockKey is the key of the wrap to the unlock code.
func UnlockKey(root []byte) []byte { return Derive(root, "unlock wrap", nil, KeySize) }

// CheckVerifier compares in constant time; a root of another code is ErrKey.
func CheckVerifier(root, verifier []byte) error {
	if subtle.ConstantTimeCompare(Verifier(root), verifier) != 1 {
		return ErrKey
	}
	return nil
}
