package keyless

import (
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/verdict"
)

// TestAcceptanceWithoutReceipts: a statement whose receipts nobody gave is not called clean.
func TestAcceptanceWithoutReceipts(t *testing.T) {
	for n, want := range []string{"verdict     clean, origin", "verdict     statement clean, receipts of 1 device not compared, origin"} {
		var out strings.Builder
		(&Accepted{&fsck.AcceptanceReport{Verdict: fsck.VerdictClean}, n}).Print(&out)
		if !strings.Contains(out.String(), want) {
			t.Errorf("%d without receipts: %s", n, &out)
		}
	}
}

// TestAcceptedEnd: what is refused, of unknown origin or not compared is no success.
func TestAcceptedEnd(t *testing.T) {
	with := func(v fsck.Verdict, origin string, receipts ...string) *fsck.AcceptanceReport {
		r := &fsck.AcceptanceReport{Verdict: v, Origin: origin}
		for _, name := range receipts {
			r.Devices = append(r.Devices, fsck.AcceptedDevice{Receipts: name})
		}
		return r
	}
	for name, c := range map[string]struct {
		r    *fsck.AcceptanceReport
		want error
	}{
		"compared":     {with(fsck.VerdictClean, fsck.OriginProven, "a", "b"), nil},
		"not compared": {with(fsck.VerdictClean, fsck.OriginProven, "a", ""), verdict.ErrObjects},
		"no trust":     {with(fsck.VerdictClean, fsck.OriginUnproven, "a"), verdict.ErrUnproven},
		"refused":      {with(fsck.VerdictRefused, fsck.OriginProven), verdict.ErrRefused},
	} {
		if err := newAccepted(c.r).End(); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
