package main

import (
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
)

// TestConflictHints: what is in an archive class is restored, not moved away, and what a cache
// hides is looked for there.
func TestConflictHints(t *testing.T) {
	for _, test := range []struct {
		named map[importer.Code]uint64
		want  []string
	}{
		{map[importer.Code]uint64{importer.CodeConflict: 2}, []string{"move what is there away"}},
		{map[importer.Code]uint64{importer.CodeArchived: 1}, []string{"archived: restore the object"}},
		{map[importer.Code]uint64{importer.CodeArchived: 1, importer.CodeConflict: 1, importer.CodeNotShown: 1},
			[]string{"key-exists-conflict: move", "archived: restore", "not-shown: look for a cache"}},
	} {
		r := &importer.Result{Finished: time.Unix(1, 0), Named: test.named, Tally: importer.Tally{Outcomes: map[importer.Outcome]uint64{importer.OutcomeConflict: 3}}}
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
