package importer

import (
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// TestMirrorCleared: what a complete run could not remove of its journal in the target
// is named, and removed by the next start, which asks for nothing else.
func TestMirrorCleared(t *testing.T) {
	soon(t, 0)
	s, f, disk := mixed(), newFake(t), memDisk()
	denied := true
	f.hook = func(_ int, call, key string) (bool, error) {
		if denied && call == "delete" && strings.Contains(key, JournalPrefix) {
			return false, target.NewError(target.CodeAccessDenied, key, "no", nil)
		}
		return true, nil
	}
	var said []target.Code
	o := mirrored(t, disk)
	o.Problem = func(e *target.Error) { said = append(said, e.Code) }
	for range 2 {
		if res := mustRun(t, s, f, o); !res.Complete || len(f.journalKeys()) == 0 {
			t.Fatalf("%+v, left %q", res, f.journalKeys())
		}
	}
	if !slices.Equal(said, []target.Code{target.CodeJournalLeft, target.CodeJournalLeft}) {
		t.Errorf("said %v", said)
	}
	denied = false
	mustRun(t, s, f, o)
	if left := f.journalKeys(); len(left) > 0 {
		t.Errorf("left %q", left)
	}
	changes := f.changes()
	if res := mustRun(t, s, f, o); !res.Complete || f.changes() != changes {
		t.Errorf("%d changes for a run that has ended and is cleared", f.changes()-changes)
	}
}
