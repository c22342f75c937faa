package wire

import (
	"encoding/hex"
	"fmt"
)

const (
	WrapHPKE   = 1
	WrapAge    = 2
	WrapUnlock = 3
)

var wrapFileFields = Schema{
	BytesField(1, 16, 16), BytesField(2, 16, 16), UintField(3), BytesField(4, 32, 32).Optional(), BytesField(5, 1, MaxWrapSize),
}

// WrapName is the file below wraps/.
func WrapName(w *WrapEntry) string {
	if w.Kind == WrapAge {
		return hex.EncodeToString(w.Sha256[:]) + ".age"
	}
	return hex.EncodeToString(w.Sha256[:]) + ".wrap"
}

// ParseWrap reads a .wrap file's public part; keyID is nil if it names none.
func ParseWrap(raw []byte) (i Identity, kind uint64, keyID []byte, err error) {
	k, body, err := VersionKind(raw)
	if err != nil {
		return i, 0, nil, err
	}
	if k != WrapHPKE && k != WrapUnlock {
		return i, 0, nil, fmt.Errorf("%w: wrap kind %d", ErrVersion, k)
	}
	m, err := ParseFields(body, wrapFileFields)
	if err != nil {
		return i, 0, nil, err
	}
	if err := FirstOf(m.nonzero(1, 2), m.Need(3, 5)); err != nil {
		return i, 0, nil, err
	}
	if m.Uint(3) > maxGeneration || len(raw) > MaxWrapSize {
		return i, 0, nil, fmt.Errorf("%w: wrap of %d bytes, generation %d", ErrMalformed, len(raw), m.Uint(3))
	}
	return Identity{ID(m.Bytes(1)), ID(m.Bytes(2)), m.Uint(3)}, uint64(k), m.Bytes(4), nil
}
