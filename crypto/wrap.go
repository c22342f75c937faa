package crypto

import (
	"encoding/binary"
	"fmt"
)

// WrapKind says how a wrap holds the load key. The list is closed: a reader
// refuses a kind that it does not know.
type WrapKind string

const (
	WrapSite WrapKind = "hpke-mlkem768-x25519" // to the data centre's site key
	WrapAge  WrapKind = "age"                  // to recovery recipients
	WrapCode WrapKind = "unlock-aes256gcm"     // to the unlock code, until seal
)

// Known reports whether k is in the list.
func (k WrapKind) Known() bool {
	return k == WrapSite || k == WrapAge || k == WrapCode
}

// WrapBinding is what every wrap is bound to: a wrap taken to another job,
// device or generation does not open.
type WrapBinding struct {
	JobID, DeviceID [16]byte
	Generation      uint32
}

// Bytes is HPKE's info and the AEAD's associated data of a wrap:
//
//	"sledge/1 wrap" || 0x00 || kind || 0x00 || job id(16) || device id(16) || generation(4)
func (b WrapBinding) Bytes(kind WrapKind) []byte {
	var gen [4]byte
	binary.BigEndian.PutUint32(gen[:], b.Generation)
	return bound("wrap", []byte(kind), []byte{0}, b.JobID[:], b.DeviceID[:], gen[:])
}

func checkLoadKey(k []byte) error {
	if len(k) != KeySize {
		return fmt.Errorf("load key is %d bytes, want %d", len(k), KeySize)
	}
	return nil
}

// CodeWrapSize is the length of a wrap to the unlock code: nonce, K, tag.
const CodeWrapSize = KeySize + sealedOverhead

// WrapToCode encrypts k under UnlockKey(root) with AES-256-GCM, random nonce
// first. A root wraps a handful of keys in its life, far below GCM's limit.
func WrapToCode(root, k []byte, b WrapBinding) ([]byte, error) {
	if err := checkLoadKey(k); err != nil {
		return nil, err
	}
	aead, err := newAEAD(UnlockKey(root))
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, k, b.Bytes(WrapCode)), nil
}

// UnwrapCode opens a wrap to the unlock code. Another root or binding, or a
// changed wrap, is ErrKey; another length is ErrCorrupt.
func UnwrapCode(root, body []byte, b WrapBinding) ([]byte, error) {
	if len(body) != CodeWrapSize {
		return nil, fmt.Errorf("wrap to the code is %d bytes, want %d: %w", len(body), CodeWrapSize, ErrCorrupt)
	}
	aead, err := newAEAD(UnlockKey(root))
	if err != nil {
		return nil, err
	}
	k, err := aead.Open(nil, nil, body, b.Bytes(WrapCode))
	if err != nil {
		return nil, ErrKey
	}
	return k, nil
}
