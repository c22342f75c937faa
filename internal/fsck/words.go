package fsck

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/disks"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/proof"
	"github.com/sledge-io/sledge/internal/fsck/record"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// The words of the format that callers need: they are declared where it is parsed.
type (
	// Record is the manifest's description of one entry.
	Record = record.Record
	// ProofReport is what a proof of one file proves (format.md 7.6).
	ProofReport = proof.Report
	// Options says what to verify and what is known beforehand.
	Options = disks.Options
	// Trust is what the verifier's user knows of the job signer by another channel.
	Trust = wire.Trust
	// Disk is one mounted disk of the appliance, or a copy of one.
	Disk = disk.Disk
	// Report is the answer of Manifest and Disks.
	Report = findings.Report
	// Finding is one fact, or a run of like facts.
	Finding = findings.Finding
	// Severity orders findings; the worst one decides the verdict.
	Severity = findings.Severity
	// Verdict is the answer in one word; it drives the exit code.
	Verdict = findings.Verdict
	// Status tells how far a check is. Bytes are bytes on disks.
	Status = findings.Status
)

// What findings and reports say.
const (
	Note       = findings.Note
	Warning    = findings.Warning
	Repairable = findings.Repairable
	Lost       = findings.Lost
	Fatal      = findings.Fatal

	VerdictClean      = findings.VerdictClean
	VerdictRepairable = findings.VerdictRepairable
	VerdictLost       = findings.VerdictLost
	VerdictRefused    = findings.VerdictRefused

	OriginProven   = findings.OriginProven
	OriginUnproven = findings.OriginUnproven
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

// What a file can fail a proof with: it is another one than was loaded, or the record has
// no digest that would tell.
var (
	ErrContent  = proof.ErrContent
	ErrNoDigest = proof.ErrNoDigest
)

// ParseRecord reads the public part of a record.
func ParseRecord(b []byte) (*Record, error) { return record.Parse(b) }

// Fingerprint is the fingerprint of an Ed25519 public key as format.md 1 has it.
func Fingerprint(key ed25519.PublicKey) string { return wire.Fingerprint(key) }

// ParsePublicKey reads a PEM file of an Ed25519 public key.
func ParsePublicKey(text []byte) (ed25519.PublicKey, error) { return wire.ParsePublicKey(text) }

// LabelOf is the device of a label, and the origin of its log, as the label says: nobody has
// vouched for it.
func LabelOf(label []byte) (device, origin string, err error) {
	l, err := wire.ParseLabel(label)
	if err != nil {
		return "", "", err
	}
	return l.Device.String(), fmt.Sprintf("sledge/%v/%v/%d", l.Job, l.Device, l.Generation), nil
}

// VerifyProof checks the proof of one file from the job file down, see [proof.Verify].
// With the zero Trust the origin is not proven.
func VerifyProof(file []byte, trust Trust) (*proof.Report, error) { return proof.Verify(file, trust) }

// Disks verifies everything of Manifest and every block of every pack.
func Disks(ctx context.Context, o disks.Options) (*Report, error) { return disks.All(ctx, o) }

// Manifest verifies all that is signed, and of the disks' bytes only the manifest's
// pages. An unsealed device has no manifest: its packs are checked as Disks does.
func Manifest(ctx context.Context, o disks.Options) (*Report, error) { return disks.Manifest(ctx, o) }

// Chain verifies what is signed and public, and reads no page and no shard, see
// [disks.Chain]. The device must be sealed.
func Chain(ctx context.Context, o disks.Options) (*Report, error) { return disks.Chain(ctx, o) }

// OpenFiles is how many files a check of so many disks holds open at most.
func OpenFiles(n, workers int) int { return disks.OpenFiles(n, workers) }

// JobFile is what the verifier needs of a job file (format.md 3).
type JobFile = wire.JobFile

// OpenJob verifies and parses a job file. With trust nil its signature is not looked at.
func OpenJob(raw []byte, trust *Trust) (*JobFile, error) { return wire.OpenJob(raw, trust) }
