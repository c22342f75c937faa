// Package verdict says what the independent verifier has found: as an error for whoever
// asked, and as lines for people.
//
// The verifier shares no code with anything of ours and has words of its own; the command
// and the rooms that audit have errors and reports. This is the one place where one becomes
// the other. It imports the verifier and the terminal's texts, reads nothing, and decides
// nothing by itself.
package verdict

import (
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/internal/fsck"
)

var (
	ErrRefused  = errors.New("not to be used")
	ErrLost     = errors.New("data lost")
	ErrDamage   = errors.New("damage that can be repaired")
	ErrUnproven = errors.New("origin is not proven")
	// ErrObjects: objects are missing, different, not compared, or not proven.
	ErrObjects = errors.New("objects are not in the target or not proven")
)

// Error is the verifier's answer as an error.
func Error(v fsck.Verdict, origin string, findings []fsck.Finding) error {
	worst := func(s fsck.Severity) error {
		for _, f := range findings {
			if f.Severity == s {
				return errors.New(f.Text)
			}
		}
		return errors.New("see the findings")
	}
	switch {
	case v == fsck.VerdictRefused:
		return fmt.Errorf("%w: %w", ErrRefused, worst(fsck.Fatal))
	case v == fsck.VerdictLost:
		return fmt.Errorf("%w: %w", ErrLost, worst(fsck.Lost))
	case origin != fsck.OriginProven:
		return ErrUnproven
	case v == fsck.VerdictRepairable:
		return fmt.Errorf("%w: %w", ErrDamage, worst(fsck.Repairable))
	}
	return nil
}
