package fsck

import (
	"crypto/ed25519"

	"github.com/sledge-io/sledge/internal/fsck/record"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// The words of the format that callers need: they are declared where it is parsed.
type (
	// Record is the manifest's description of one entry.
	Record = record.Record
	// Trust is what the verifier's user knows of the job signer by another channel.
	Trust = wire.Trust
)

// Kinds of record (format.md 7.2).
const (
	KindFile         = wire.KindFile
	KindDirectory    = wire.KindDirectory
	KindSymlink      = wire.KindSymlink
	KindHardLink     = wire.KindHardLink
	KindSkipped      = wire.KindSkipped
	KindContinuation = wire.KindContinuation
	KindWithdrawn    = wire.KindWithdrawn
)

// ErrVersion marks a structure of a version or with a critical part that this
// verifier does not know: a newer verifier may.
var ErrVersion = wire.ErrVersion

// ParseRecord reads the public part of a record.
func ParseRecord(b []byte) (*Record, error) { return record.Parse(b) }

// Fingerprint is the fingerprint of an Ed25519 public key as format.md 1 has it.
func Fingerprint(key ed25519.PublicKey) string { return wire.Fingerprint(key) }
