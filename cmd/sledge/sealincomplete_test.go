package main

import "testing"

// TestSealIncomplete: a seal whose statement says that the source was not loaded whole
// ends with the code of one after a load that was given up, each time.
func TestSealIncomplete(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.sealCut("--incomplete")
	for range 2 {
		f.says(f.sledge(exitSource, "seal", "--label-out", "d.label"), "error: sealed: the source was not loaded whole, as the statement says",
			"hint: what is missing is named nowhere: keep the source")
	}
	f.says(f.sledge(0, "receive", "--label", "d.label"), "sealed before its source had been loaded whole")

	g := newField(t)
	g.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	g.sledge(0, "load", "src")
	g.sledge(exitSource, "seal", "--incomplete", "--wrap-unchecked", "--label-out", "d.label")
}

// TestStepsExpired: the seal wants the answer to the wrap check, so the check comes first.
func TestStepsExpired(t *testing.T) {
	for name, c := range map[string]struct {
		status     diskStatus
		unfinished bool
		next, then string
	}{
		"nothing":        {diskStatus{}, false, nextExtend, ""},
		"loaded":         {diskStatus{Packs: 1, Entries: 3}, false, "sledge status --wrap-check FILE (send FILE to the data centre, which tells an answer); or " + nextExtend, "sledge seal --wrap-answer XXXXX-XXXXX (their answer)"},
		"in mid-load":    {diskStatus{Packs: 1}, true, "sledge status --wrap-check FILE (send FILE to the data centre, which tells an answer); or " + nextExtend, "sledge seal --incomplete --wrap-answer XXXXX-XXXXX (their answer)"},
		"no pack":        {diskStatus{Entries: 1}, false, "sledge seal --wrap-unchecked (no pack is there to check); or " + nextExtend, ""},
		"only skipped":   {diskStatus{Skipped: 1}, false, "sledge seal --wrap-unchecked (no pack is there to check); or " + nextExtend, ""},
		"not counted":    {diskStatus{Uncounted: "x"}, false, "sledge seal --wrap-unchecked (no pack is there to check); or " + nextExtend, ""},
		"begun, no pack": {diskStatus{}, true, "sledge seal --incomplete --wrap-unchecked (no pack is there to check); or " + nextExtend, ""},
	} {
		next, then := (&app{}).stepsExpired(&c.status, c.unfinished)
		if next != c.next || len(then) != 0 != (c.then != "") || len(then) > 0 && then[0] != c.then {
			t.Errorf("%s: %q, then %q", name, next, then)
		}
	}
}
