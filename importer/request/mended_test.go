package request

import (
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// TestReadMendsNoWrite: a target that answers a read may still refuse every write.
func TestReadMendsNoWrite(t *testing.T) {
	for code, read := range map[target.Code]bool{
		target.CodeTargetAbsent: true, target.CodeCredentialsExpired: true, target.CodeClockSkew: true, target.CodeServerError: true, target.CodeThrottled: true,
		target.CodeAccessDenied: false, target.CodePolicyDenied: false, target.CodeKMSKey: false, target.CodeNoObjectLock: false, target.CodeTargetFull: false, target.CodeJournalFull: false,
	} {
		g := newGate()
		n, _ := g.Shut(target.NewError(code, "", "", nil), time.Now())
		if got := g.mended(n, Call{Name: ListParts}); got != read {
			t.Errorf("%s: a read opens: %v", code, got)
		}
		if state, _ := g.State(); (state == StateHalted) == read || !read && !g.mended(n, Call{Name: UploadPart}) {
			t.Errorf("%s: %s", code, state)
		}
	}
}

// TestHaltsRemedy: whoever looks at a halt is not sent to start the run again.
func TestHaltsRemedy(t *testing.T) {
	g := newGate()
	g.Shut(target.NewError(target.CodeCredentialsExpired, "", "", nil), time.Now())
	if _, halt := g.State(); halt == nil || !strings.HasSuffix(halt.Remedy, "; the run goes on by itself then") {
		t.Errorf("%+v", halt)
	}
}
