package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// Salts gives each line of a log its salt: secret, and the same whenever the line is written
// again. Two logs of one run are two attempts.
type Salts struct {
	Secret  []byte // of the run
	Attempt int
}

// Line is the salt of a line, from 0.
func (s Salts) Line(n uint64) (salt [32]byte) {
	h := hmac.New(sha256.New, s.Secret)
	h.Write(binary.BigEndian.AppendUint32([]byte("receipt line"), uint32(s.Attempt)))
	h.Write(binary.BigEndian.AppendUint64(nil, n))
	return [32]byte(h.Sum(nil))
}
