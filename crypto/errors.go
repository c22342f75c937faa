package crypto

import "errors"

// The sentinels say what the caller should do. All other errors of this package
// are misuse by the program (a wrong buffer, a key of the wrong length) or a
// value outside a documented bound; they are not meant to be told apart.
var (
	// ErrKey: the key, code or passphrase at hand is not the one. It has one
	// text for every such failure, so that nothing is learnt from the difference
	// between a wrong code, a wrong site key and a wrong stream header. Ask for
	// another key.
	ErrKey = errors.New("key does not open this data")

	// ErrCorrupt: the key is right or not in question, but the bytes are not
	// what was written. Read another copy, or rebuild.
	ErrCorrupt = errors.New("data is damaged or was changed")

	// ErrCodeTyping: an unlock code was mistyped; the wrapping text says how.
	// No key was tried. Type it again.
	ErrCodeTyping = errors.New("unlock code is mistyped")

	// ErrSignature: no trusted key signed exactly these bytes. Stop.
	ErrSignature = errors.New("signature is missing or wrong")

	// ErrNotInFIPS: the operation is outside the FIPS profile that the process
	// enforces. Use the profile's alternative, or another process.
	ErrNotInFIPS = errors.New("not available when FIPS 140-3 is enforced")
)
