package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/fsck"
)

// TestDiagnoses: the first row that fits decides, a hint of the place is better than the
// table's, and nobody changes the table.
func TestDiagnoses(t *testing.T) {
	other := errors.New("other")
	for _, c := range []struct {
		err  error
		code int
		hint string
	}{
		{nil, exitDone, ""},
		{other, exitUnexpected, ""},
		{hint(other, "own"), exitUnexpected, "own"},
		{errors.Join(other, errUndigested), exitObjects, ""},
		{usagef("wrong"), exitUsage, helpHint},
		{hint(disk.ErrNoBay, "own"), exitUsage, "own"},
		{hint(fmt.Errorf("x: %w", fsck.ErrVersion), "own"), exitVersion, "use the newest sledge"},
		{errors.Join(disk.ErrReadBack, appliance.ErrTooFewDisks), exitDisks, "do not use the disks named above: they do not hold what they take, as disks of counterfeit capacity; load again onto others"},
	} {
		for range 2 {
			code, hints := diagnose(c.err)
			if code != c.code || len(hints) != 0 && hints[0] != c.hint || len(hints) == 0 && c.hint != "" {
				t.Errorf("%v: %d %q", c.err, code, hints)
			}
			for i := range hints {
				hints[i] = "changed" // as end does
			}
			if own := (*hinted)(nil); errors.As(c.err, &own) {
				own.Hints = []string{"own"}
			}
		}
	}
}
