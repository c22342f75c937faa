package main

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"
)

// labelFingerprint is what two people compare by telephone: the first 64 bits of the
// label's SHA-256. The label's own signature proves the rest.
func labelFingerprint(label []byte) string {
	sum := sha256.Sum256(label)
	digits := hex.EncodeToString(sum[:8])
	return strings.Join([]string{digits[:4], digits[4:8], digits[8:12], digits[12:]}, " ")
}

// PlaceOf is a file's absolute path, as who looks for it later is in another folder.
func placeOf(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}
