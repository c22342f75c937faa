package verdict

import (
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck"
)

// TestError: only what is clean and proven is no error; the worst is told, with its finding.
func TestError(t *testing.T) {
	findings := []fsck.Finding{{Severity: fsck.Fatal, Text: "a forged page"}, {Severity: fsck.Lost, Text: "a lost stripe"}, {Severity: fsck.Repairable, Text: "a bad block"}}
	for _, tt := range []struct {
		verdict fsck.Verdict
		origin  string
		want    error
		says    string
	}{
		{fsck.VerdictClean, fsck.OriginProven, nil, ""},
		{fsck.VerdictClean, fsck.OriginUnproven, ErrUnproven, ErrUnproven.Error()},
		{fsck.VerdictRepairable, fsck.OriginProven, ErrDamage, "a bad block"},
		{fsck.VerdictRepairable, fsck.OriginUnproven, ErrUnproven, ErrUnproven.Error()},
		{fsck.VerdictLost, fsck.OriginUnproven, ErrLost, "a lost stripe"},
		{fsck.VerdictRefused, fsck.OriginProven, ErrRefused, "a forged page"},
	} {
		err := Error(tt.verdict, tt.origin, findings)
		if !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%v, %s: %v, want %v", tt.verdict, tt.origin, err, tt.want)
		}
	}
	if err := Error(fsck.VerdictRefused, fsck.OriginProven, nil); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "see the findings") {
		t.Error(err)
	}
}
