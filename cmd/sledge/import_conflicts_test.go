package main

import (
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// TestConflictHints: what is in an archive class is restored, not moved away, and what a cache
// hides is looked for there.
func TestConflictHints(t *testing.T) {
	for _, test := range []struct {
		named map[target.Code]uint64
		want  []string
	}{
		{map[target.Code]uint64{target.CodeConflict: 2}, []string{"move what is there away"}},
		{map[target.Code]uint64{target.CodeArchived: 1}, []string{"archived: restore the object"}},
		{map[target.Code]uint64{target.CodeArchived: 1, target.CodeConflict: 1, target.CodeNotShown: 1},
			[]string{"key-exists-conflict: move", "archived: restore", "not-shown: look for a cache"}},
	} {
		r := &importer.Result{Finished: time.Unix(1, 0), Named: test.named, Tally: entry.Tally{Outcomes: map[entry.Outcome]uint64{entry.OutcomeConflict: 3}}}
		code, hints := diagnose(importEnd(r, nil))
		all := strings.Join(hints, "\n")
		for _, want := range test.want {
			if code != exitConflict || !strings.Contains(all, want) {
				t.Errorf("%v: %d, %q", test.named, code, all)
			}
		}
		if len(hints) != len(test.want) {
			t.Errorf("%v: %q", test.named, hints)
		}
	}
}
