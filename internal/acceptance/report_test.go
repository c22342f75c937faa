package acceptance

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck"
)

// TestAcceptShowsLeftOut: accept and verify count entries, not the lines of long ones, and show
// what rules have left out.
func TestAcceptShowsLeftOut(t *testing.T) {
	r := &Report{Devices: []fsck.ReceiptReport{{Manifest: &fsck.Report{}, Rules: "5feceb66", Outcomes: map[string]int64{"stored": 2, "no-object": 7}, Entries: map[string]int64{"stored": 2, "no-object": 3}, LeftOut: map[string]int64{"symlink": 3}}}}
	var out strings.Builder
	r.Print(&out)
	for _, want := range []string{"no-object     3\n", "left out    symlink: 3\n", "rules         the importer's own, sha256 5feceb66\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
