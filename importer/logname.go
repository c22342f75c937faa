package importer

import (
	"encoding/hex"
	"io"
)

// newLogDigits are 16 random digits. A key must never sign two receipt logs under one name,
// and a state folder that was lost has left a log under the run's id: each folder has digits
// of its own, in its header.
func newLogDigits(random io.Reader) (string, error) {
	var b [8]byte
	_, err := io.ReadFull(random, b[:])
	return hex.EncodeToString(b[:]), err
}

// logName is the run as its receipts name it: the attempt, and the state folder's digits.
func (r *run) logName() string {
	if r.header.Log == "" {
		return r.attemptID()
	}
	return r.attemptID() + "." + r.header.Log
}
