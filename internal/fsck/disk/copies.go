package disk

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// JobCopy is one distinct job.dsse, shared by the disks that have it.
type JobCopy struct {
	Sha256 [32]byte
	Job    *wire.JobFile
	Err    error
	Claims string // with err: the fingerprint of the signer that the file shows
	Disks  int
}

// CheckpointCopy is one distinct log/checkpoint, shared likewise.
type CheckpointCopy struct {
	wire.Identity
	*wire.Checkpoint
	Key   ed25519.PublicKey // the device key that signed it
	Err   error
	Disks int
}

// Same reports whether two checkpoints say the same; other signature lines may differ.
func (c *CheckpointCopy) Same(o *wire.Checkpoint) bool {
	return c.Err == nil && c.Text == o.Text
}

// Problem says what is wrong with a job file.
func (j *JobCopy) Problem(trust *wire.Trust) string {
	switch {
	case !errors.Is(j.Err, wire.ErrSignature):
		return j.Err.Error()
	case j.Claims == "":
		return "its signature does not verify with the key given by --trust (file does not name its signer)"
	case trust != nil && (len(trust.Key) != 0 && j.Claims == wire.Fingerprint(trust.Key) || strings.EqualFold(j.Claims, trust.Fingerprint)):
		return "its signature does not verify with the key given by --trust, although the file claims this very signer: it was damaged or altered"
	}
	return fmt.Sprintf("its signature does not verify with the key given by --trust (file claims signer %s)", j.Claims)
}

// nameJobCopies names disks whose job file cannot be read.
