package receipt

import (
	"errors"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// TestLineOfLaterVersion: a word that no version knows yet is told as a version's, and what
// no version can mean is not.
func TestLineOfLaterVersion(t *testing.T) {
	size := int64(1)
	good := Line{Record: []byte{1}, RecordSalt: make([]byte, 32), Outcome: entry.OutcomeStored, Key: "k", Size: &size, Proof: entry.ProofSHA256, Verified: time.Unix(1, 0).UTC()}
	for name, test := range map[string]struct {
		set   func(*Line)
		later bool
	}{
		"outcome": {func(l *Line) { l.Outcome = "postponed" }, true},
		"proof":   {func(l *Line) { l.Proof = "store sha512" }, true},
		"sse":     {func(l *Line) { l.Attributes = &target.Attributes{Given: target.Given{SSE: "aws:kms:x"}} }, true},
		"salt":    {func(l *Line) { l.RecordSalt = nil }, false},
		"key":     {func(l *Line) { l.Key = "" }, false},
	} {
		l := good
		test.set(&l)
		if err := l.check(); err == nil || errors.Is(err, manifest.ErrUnsupportedVersion) != test.later {
			t.Errorf("%s: %v", name, err)
		}
	}
}
