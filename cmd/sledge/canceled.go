package main

import (
	"fmt"

	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/statefolder"
)

// refuseCanceled refuses receipts of a run that was given up: what they prove may be
// deleted by now.
func refuseCanceled(receipts string) error {
	mark, err := statefolder.Canceled(receipts)
	if err != nil {
		return fmt.Errorf("%s: %w", receipts, err)
	}
	if mark == nil {
		return nil
	}
	return audit.CanceledError(receipts, mark)
}
