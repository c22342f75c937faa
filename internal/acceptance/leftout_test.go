package acceptance

import (
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

// TestByRules: what the job's policy leaves out was agreed by the site, and needs no waiver.
func TestByRules(t *testing.T) {
	all := map[string]int64{"symlink": 3, "directory": 2, "hard link": 1}
	for policy, want := range map[manifest.JobPolicy]string{
		{Symlinks: "object", Directories: "object"}: "directory hard link symlink",
		{Symlinks: "skip", Directories: "object"}:   "directory hard link",
		{Symlinks: "skip", Directories: "skip"}:     "hard link",
	} {
		var kinds []string
		for kind, n := range byRules(policy, all) {
			if kinds = append(kinds, kind); n != all[kind] {
				t.Errorf("%s: %d", kind, n)
			}
		}
		slices.Sort(kinds)
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%+v: %s, want %s", policy, got, want)
		}
	}
}
