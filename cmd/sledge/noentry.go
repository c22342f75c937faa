package main

import (
	"fmt"

	"github.com/sledge-io/sledge/appliance"
)

// noneBegins is the error of a prefix that no path begins with. Without a prefix there is
// none: a device may be empty.
func noneBegins(prefix string) error {
	if prefix == "" {
		return nil
	}
	return hint(fmt.Errorf("%q: %w: no path begins with it", prefix, appliance.ErrNotFound),
		"paths have no leading slash, nor \"./\"; \"sledge list\" shows them")
}
