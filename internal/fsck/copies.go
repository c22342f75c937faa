package fsck

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// jobCopy is one distinct job.dsse, shared by the disks that have it.
type jobCopy struct {
	sha256 [32]byte
	job    *wire.JobFile
	err    error
	claims string // with err: the fingerprint of the signer that the file shows
	disks  int
}

// checkpointCopy is one distinct log/checkpoint, shared likewise.
type checkpointCopy struct {
	wire.Identity
	*wire.Checkpoint
	key   ed25519.PublicKey // the device key that signed it
	err   error
	disks int
}

// same reports whether two checkpoints say the same; other signature lines may differ.
func (c *checkpointCopy) same(o *wire.Checkpoint) bool {
	return c.err == nil && c.Text == o.Text
}

// problem says what is wrong with a job file.
func (j *jobCopy) problem(trust *wire.Trust) string {
	switch {
	case !errors.Is(j.err, wire.ErrSignature):
		return j.err.Error()
	case j.claims == "":
		return "its signature does not verify with the key given by --trust (file does not name its signer)"
	case trust != nil && (len(trust.Key) != 0 && j.claims == wire.Fingerprint(trust.Key) || strings.EqualFold(j.claims, trust.Fingerprint)):
		return "its signature does not verify with the key given by --trust, although the file claims this very signer: it was damaged or altered"
	}
	return fmt.Sprintf("its signature does not verify with the key given by --trust (file claims signer %s)", j.claims)
}

// nameJobCopies names disks whose job file cannot be read.
