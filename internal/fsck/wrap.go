package fsck

import (
	"encoding/hex"
	"fmt"
)

const (
	wrapHPKE   = 1
	wrapAge    = 2
	wrapUnlock = 3
)

var wrapFileFields = schema{
	bytesField(1, 16, 16), bytesField(2, 16, 16), uintField(3), bytesField(4, 32, 32).optional(), bytesField(5, 1, maxWrapSize),
}

func wrapName(w *wrapEntry) string {
	if w.kind == wrapAge {
		return hex.EncodeToString(w.sha256[:]) + ".age"
	}
	return hex.EncodeToString(w.sha256[:]) + ".wrap"
}

// parseWrap reads a .wrap file's public part; keyID is nil if it names none.
func parseWrap(raw []byte) (i identity, kind uint64, keyID []byte, err error) {
	k, body, err := versionKind(raw)
	if err != nil {
		return i, 0, nil, err
	}
	if k != wrapHPKE && k != wrapUnlock {
		return i, 0, nil, fmt.Errorf("%w: wrap kind %d", ErrVersion, k)
	}
	m, err := parseFields(body, wrapFileFields)
	if err != nil {
		return i, 0, nil, err
	}
	if err := firstOf(m.nonzero(1, 2), m.need(3, 5)); err != nil {
		return i, 0, nil, err
	}
	if m.uint(3) > maxGeneration || len(raw) > maxWrapSize {
		return i, 0, nil, fmt.Errorf("%w: wrap of %d bytes, generation %d", errMalformed, len(raw), m.uint(3))
	}
	return identity{id(m.bytes(1)), id(m.bytes(2)), m.uint(3)}, uint64(k), m.bytes(4), nil
}
