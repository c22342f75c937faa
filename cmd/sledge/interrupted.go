package main

import (
	"context"
	"errors"
	"slices"

	"github.com/sledge-io/sledge/importer/target"
)

// isInterrupted reports whether an operator has ended the command. What an import has named
// is not that, whatever is below it: a request that had no answer in its time ends by a
// context, too.
func isInterrupted(err error) bool {
	if err == nil {
		return false
	}
	if _, named := err.(*target.Error); named {
		return false
	}
	if err == context.Canceled {
		return true
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), isInterrupted)
	case interface{ Unwrap() error }:
		return isInterrupted(e.Unwrap())
	}
	return errors.Is(err, context.Canceled)
}
