package fsck

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
)

// jobCopy is one distinct job.dsse, shared by the disks that have it.
type jobCopy struct {
	sha256 [32]byte
	job    *jobFile
	err    error
	claims string // with err: the fingerprint of the signer that the file shows
	disks  int
}

// checkpointCopy is one distinct log/checkpoint, shared likewise.
type checkpointCopy struct {
	identity
	*checkpoint
	key   ed25519.PublicKey // the device key that signed it
	err   error
	disks int
}

// same reports whether two checkpoints say the same; other signature lines may differ.
func (c *checkpointCopy) same(o *checkpoint) bool {
	return c.err == nil && c.text == o.text
}

// problem says what is wrong with a job file.
func (j *jobCopy) problem(trust *Trust) string {
	switch {
	case !errors.Is(j.err, errSignature):
		return j.err.Error()
	case j.claims == "":
		return "its signature does not verify with the key given by --trust (file does not name its signer)"
	case trust != nil && (len(trust.Key) != 0 && j.claims == Fingerprint(trust.Key) || strings.EqualFold(j.claims, trust.Fingerprint)):
		return "its signature does not verify with the key given by --trust, although the file claims this very signer: it was damaged or altered"
	}
	return fmt.Sprintf("its signature does not verify with the key given by --trust (file claims signer %s)", j.claims)
}

// nameJobCopies names disks whose job file cannot be read.
