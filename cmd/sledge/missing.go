package main

import (
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/appliance"
)

// disksOf says how many disks are here: all of them need no second number.
func disksOf(here, bays int) string {
	if here == bays {
		return plural(here, "disk")
	}
	return fmt.Sprintf("%d of %s", here, plural(bays, "disk"))
}

// missingBays is the error of a load that ran without some bays; nil where all are here.
func missingBays(missing []int, bays int) error {
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", errLessParity, baysMissing(missing, bays))
}

func baysMissing(missing []int, bays int) string {
	noun, verb := "bay", "is"
	if len(missing) > 1 {
		noun, verb = "bays", "are"
	}
	return fmt.Sprintf("%s %s of %d %s missing", noun, strings.Trim(fmt.Sprint(missing), "[]"), bays, verb)
}

// warnMissing says what a load without all disks costs.
func (a *app) warnMissing(s appliance.Status) {
	if len(s.MissingBays) > 0 && len(s.FailedDisks) == 0 {
		a.warn("%s: packs are written with less parity", baysMissing(s.MissingBays, s.Disks))
	}
}
