package wire

import (
	"crypto/hmac"
	"crypto/sha256"
)

// Commitment is HMAC-SHA-256 of the message under its salt: who has not the salt cannot
// guess the message from it.
func Commitment(salt, message []byte) [32]byte {
	mac := hmac.New(sha256.New, salt)
	mac.Write(message)
	return [32]byte(mac.Sum(nil))
}
