package receipt

import (
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// MaxKey bounds the key of a line, in bytes.
const MaxKey = 4 << 10

var (
	knownOutcomes = []entry.Outcome{entry.OutcomeStored, entry.OutcomeAlreadyThere, entry.OutcomeNoObject, entry.OutcomeSkipped, entry.OutcomeFailed, entry.OutcomeConflict}
	knownProofs   = []entry.Proof{entry.ProofNone, entry.ProofCRC, entry.ProofSHA256, entry.ProofReadBack}
	knownParties  = []string{"", entry.ByLoader, entry.ByImporter}
)

// check holds a line to docs/format.md section 10, as far as it says this without its record.
func (l *Line) check() error {
	there := l.InStore()
	switch {
	case !slices.Contains(knownOutcomes, l.Outcome):
		return unknownWord("outcome %.40q is not known", l.Outcome)
	case !slices.Contains(knownProofs, l.Proof) || !slices.Contains(knownParties, l.HashedBy) || !slices.Contains(knownParties, l.PartsBy):
		return unknownWord("proof %.40q, hashed by %.40q, parts by %.40q: not known", l.Proof, l.HashedBy, l.PartsBy)
	case len(l.RecordSalt) != 32:
		return fmt.Errorf("record salt of %d bytes", len(l.RecordSalt))
	case l.Index < 0 || l.Size != nil && *l.Size < 0 || l.Parts < 0 || l.PartSize < 0:
		return fmt.Errorf("a number below zero")
	case len(l.Key) > MaxKey:
		return fmt.Errorf("a key of %d bytes", len(l.Key))
	case there && (l.Key == "" || l.Proof == entry.ProofNone || l.Verified.IsZero()):
		return fmt.Errorf("%s without key, proof or time", l.Outcome)
	case l.Attributes != nil && l.Key == "":
		return fmt.Errorf("attributes without a key")
	case l.Attributes != nil:
		return checkListed(l.Attributes)
	}
	return nil
}

// unknownWord is of a word that a later version may have.
func unknownWord(format string, args ...any) error {
	return fmt.Errorf("%w: %s", manifest.ErrUnsupportedVersion, fmt.Sprintf(format, args...))
}

// checkListed holds attributes to what an importer asks for.
func checkListed(a *target.Attributes) error {
	kms := a.SSE == "aws:kms" || a.SSE == "aws:kms:dsse"
	switch {
	case !kms && a.SSE != "" && a.SSE != "AES256" || !slices.Contains([]string{"", "GOVERNANCE", "COMPLIANCE"}, a.LockMode):
		return unknownWord("sse %.40q, lock mode %.40q: not known", a.SSE, a.LockMode)
	case (a.LockMode == "") != a.LockUntil.IsZero():
		return fmt.Errorf("a lock mode without its time, or a time without its mode")
	case (a.KMSKeyID != "" || a.KMSContext != nil) && !kms, a.BucketKey && a.SSE != "aws:kms":
		return fmt.Errorf("a key of KMS with sse %q", a.SSE)
	case a.CustomerKeyMD5 != "" && a.SSE != "":
		return fmt.Errorf("a key of the customer's with sse %q", a.SSE)
	case len(a.Tags) > 10:
		return fmt.Errorf("%d tags", len(a.Tags))
	}
	return nil
}
