package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/seal"
)

// TestUnfinishedNamed: who is stopped by an unfinished load reads the whole command that
// goes on with it, --as included, and that the device can be sealed without the rest.
func TestUnfinishedNamed(t *testing.T) {
	t.Setenv("SLEDGE_DISKS", "")
	a := &app{disks: []string{"bay*"}}
	load := appliance.UnfinishedError{Root: "/srv/it's here", As: "my photos", Done: 1, Count: 2}
	command := `sledge load '/srv/it'\''s here' --as 'my photos' --disk 'bay*'`
	for name, c := range map[string]struct {
		err  error
		want []string
	}{
		"a load":               {fmt.Errorf("x: %w", &load), []string{command, "--as 'my photos' --abandon", "NEWDIR --as 'my photos' --source-moved '/srv/it", "sledge seal --incomplete --disk 'bay*'"}},
		"a seal":               {&appliance.IncompleteError{Load: load}, []string{command, "--incomplete"}},
		"a list that is lost":  {&appliance.UnfinishedError{}, []string{"(--as)", "sledge seal --incomplete --disk 'bay*'"}},
		"a seal, list is lost": {&appliance.IncompleteError{}, []string{"(--as)", "--incomplete"}},
		"nothing loaded":       {seal.ErrIncomplete, []string{"sledge load DIR --disk 'bay*'", "--incomplete"}},
	} {
		code, hints := diagnose(c.err)
		text := a.commands(strings.Join(hints, "\n"))
		for _, w := range c.want {
			if code != exitState || !strings.Contains(text, w) {
				t.Errorf("%s: exit %d, no %q in:\n%s", name, code, w, text)
			}
		}
		if c.err != seal.ErrIncomplete && strings.Contains(c.err.Error(), "my") != strings.Contains(c.err.Error(), "/srv") {
			t.Errorf("%s: the name of the load is not told: %v", name, c.err)
		}
	}
	if next := a.commands(nextUnfinished([]appliance.UnfinishedError{load, load})); !strings.HasPrefix(next, command+" (and 1 unfinished load more): ") || !strings.Contains(next, "sledge seal --incomplete --disk") {
		t.Errorf("next %s", next)
	}
}
