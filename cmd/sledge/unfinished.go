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
		return hint(err, "no load is unfinished; what comes next: sledge status")
	}
	return hint(err, "unfinished is %s", loadOf(&loads[0])+" (to give it up: --abandon)")
}

// nextUnfinished is the next step where loads are unfinished.
func nextUnfinished(loads []appliance.UnfinishedError) string {
	text := loadOf(&loads[0])
	if len(loads) > 1 {
		text += fmt.Sprintf(" (and %s more)", plural(len(loads)-1, "unfinished load"))
	}
	return text + ": it was not finished; or, to seal what is on the disks now: sledge seal --incomplete"
}

// unfinishedHints lead on from a load that another one has to wait for.
func unfinishedHints(err error) []string {
	var u *appliance.UnfinishedError
	if !errors.As(err, &u) || u.Root == "" {
		return []string{"load the folder of the unfinished load again, under the name that it was begun with (--as)", sealIncomplete}
	}
	return []string{"continue that load first: " + loadOf(u),
		"if its folder is at another path now: sledge load NEWDIR" + asFlag(u) + " --source-moved " + quoted(u.Root),
		"or give it up: " + loadOf(u) + " --abandon; what is loaded of it stays", sealIncomplete}
}

// incompleteHints lead on from a seal that an unfinished load holds up.
func incompleteHints(err error) []string {
	var e *appliance.IncompleteError
	switch {
	case !errors.As(err, &e):
		return []string{"load the source first: sledge load DIR", "or seal with --incomplete: the statement will say so"}
	case e.Load.Root == "":
		return []string{"load its folder again, under the name that it was begun with (--as): it goes on", "or seal with --incomplete: the statement will say so"}
	}
	return []string{"run the same load again, it goes on: " + loadOf(&e.Load), "or seal with --incomplete: the statement will say so"}
}

const sealIncomplete = "or, if nothing more is to be loaded, seal what is on the disks now: sledge seal --incomplete, which the statement will say"

// loadOf is the command that goes on with a load.
func loadOf(u *appliance.UnfinishedError) string {
	if u.Root == "" {
		return "a load whose list is damaged: load its folder again"
	}
	return "sledge load " + quoted(u.Root) + asFlag(u)
}

func asFlag(u *appliance.UnfinishedError) string {
	as := strings.TrimSuffix(u.As, "/")
	if as == "" {
		return ""
	}
	return " --as " + quoted(as)
}

// quoted is a shell's word, quoted always: a hint's commands are found so.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
