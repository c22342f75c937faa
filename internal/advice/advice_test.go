package advice

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

// TestHint: an error keeps its text and its kind, and no error gets no hint.
func TestHint(t *testing.T) {
	err := fmt.Errorf("job 1: %w", Hint(Usagef("--label %s: %w", "a", fs.ErrNotExist), "give %s", "b"))
	var hinted *Hinted
	var usage *UsageError
	if !errors.As(err, &hinted) || !errors.As(err, &usage) || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%#v", err)
	}
	if len(hinted.Hints) != 1 || hinted.Hints[0] != "give b" || err.Error() != "job 1: --label a: file does not exist" {
		t.Errorf("%v, hints %q", err, hinted.Hints)
	}
	if Hint(nil, "do it") != nil {
		t.Error("an error of nothing")
	}
}
