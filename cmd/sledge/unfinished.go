package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/appliance"
)

// errNothingUnfinished: there is no load to give up.
var errNothingUnfinished = errors.New("no unfinished load")

// nothingToAbandon names the loads that are unfinished, if the one that was meant is not.
func nothingToAbandon(d *appliance.Device, root string) error {
	loads, err := d.Unfinished()
	if err != nil {
		return err
	}
	err = fmt.Errorf("%w of %s: nothing was given up", errNothingUnfinished, root)
	if len(loads) == 0 {
		return hint(err, "no load is unfinished: load, or seal")
	}
	return hint(err, "unfinished is %s", loadOf(&loads[0])+" (to give it up: --abandon)")
}

// nextUnfinished is the next step where loads are unfinished.
func nextUnfinished(loads []appliance.UnfinishedError) string {
	text := loadOf(&loads[0])
	if len(loads) > 1 {
		text += fmt.Sprintf(" (and %s more)", plural(len(loads)-1, "unfinished load"))
	}
	return text
}

// loadOf is the command that goes on with a load.
func loadOf(u *appliance.UnfinishedError) string {
	if u.Root == "" {
		return "a load whose list is damaged: load its folder again"
	}
	text := "sledge load " + shellQuote(u.Root)
	if as := strings.TrimSuffix(u.As, "/"); as != "" {
		text += " --as '" + strings.ReplaceAll(as, "'", `'\''`) + "'" // quoted always: a hint's commands are found so
	}
	return text
}
