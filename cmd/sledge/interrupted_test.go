package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// TestInterrupted: a target that does not answer is the target's, and only who stops the
// command has interrupted it.
func TestInterrupted(t *testing.T) {
	late := target.NewError(target.CodeConnectionLost, "", "no answer in 2m0s", fmt.Errorf("request canceled: %w", context.Canceled))
	for _, test := range []struct {
		err  error
		code int
	}{
		{asTargetError(late), exitTarget},
		{fmt.Errorf("probe: %w", asTargetError(late)), exitTarget},
		{context.Canceled, exitInterrupted},
		{fmt.Errorf("no commit marker was written: %w", context.Canceled), exitInterrupted},
		{errors.Join(asTargetError(late), context.Canceled), exitInterrupted},
		{hint(context.Canceled, "x"), exitInterrupted},
	} {
		if code, _ := diagnose(test.err); code != test.code {
			t.Errorf("%v: exit code %d, not %d", test.err, code, test.code)
		}
	}
}
