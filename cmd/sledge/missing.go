package main

import (
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/manifest"
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

// warnFewDisks says what an unlocked device cannot do with the disks that were given.
func (a *app) warnFewDisks(given int, g manifest.JobGeometry) {
	const help = "bring what is missing, or make it anew first: sledge rebuild --replace DIR"
	switch least := appliance.LeastDisks(g); {
	case given < least:
		a.warn("%s: nothing can be loaded or sealed with fewer than %d; %s", disksOf(given, g.Disks), least, help)
	case given < g.Disks:
		a.warn("%s: what is loaded now is written with less parity; %s", disksOf(given, g.Disks), help)
	}
}

// warnMissing says what a load without all disks costs.
func (a *app) warnMissing(s appliance.Status) {
	if len(s.MissingBays) > 0 && len(s.FailedDisks) == 0 {
		a.warn("%s: packs are written with less parity", baysMissing(s.MissingBays, s.Disks))
	}
}
