package main

import (
	"fmt"

	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/statefolder"
)

// refuseCanceled refuses receipts of a run that was given up, or whose objects a later start
// did not find: what they prove may be gone by now.
func refuseCanceled(receipts string) error {
	mark, err := statefolder.Canceled(receipts)
	if err != nil {
		return fmt.Errorf("%s: %w", receipts, err)
	}
	if mark != nil {
		return audit.CanceledError(receipts, mark)
	}
	if halt := statefolder.Changed(receipts); halt != nil {
		return hint(fmt.Errorf("%w: %s: a later start of the run did not find what they prove: %s", errObjects, receipts, halt.Cause),
			"accept the receipts of a later run that stored what was missing; or start the same import again: where it finds its objects it says so, and these can be accepted")
	}
	return nil
}
