package verdict

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
)

// TestPrintFindings: a finding is one line whatever its text is, and those that are left out
// are counted.
func TestPrintFindings(t *testing.T) {
	findings := make([]fsck.Finding, terminal.Most+3)
	for i := range findings {
		findings[i] = fsck.Finding{Severity: fsck.Lost, Text: fmt.Sprintf("stripe %d of \x1b[2J\nfake line", i), Hint: "bring more disks"}
	}
	var out strings.Builder
	PrintFindings(&out, findings)
	if got := strings.Count(out.String(), "\n"); got != terminal.Most+1 || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%d lines: %q", got, out.String())
	}
	if !strings.HasSuffix(out.String(), "  and 3 more; --json names them all\n") || !strings.Contains(out.String(), "(bring more disks)\n") {
		t.Error(out.String())
	}
}

// TestPrintEntries: outcomes come in the order of their names, and kinds that were left out
// after them.
func TestPrintEntries(t *testing.T) {
	var out strings.Builder
	PrintEntries(&out, &fsck.ReceiptReport{Entries: map[string]int64{"stored": 2, "failed": 1}, LeftOut: map[string]int64{"symlink": 3}})
	if got := out.String(); got != "  failed        1\n  stored        2\nleft out    symlink: 3\n" {
		t.Errorf("%q", got)
	}
	if got := Target("s3://b/\n", ""); got != `s3://b/\n of AWS` {
		t.Errorf("%q", got)
	}
}
