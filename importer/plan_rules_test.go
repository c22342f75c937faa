package importer

import (
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/target"
)

func parseRules(t testing.TB, text string) plan.Rules {
	t.Helper()
	r, err := plan.ParseRules([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return r
}

// TestRulesInOptions: what only a run can refuse.
func TestRulesInOptions(t *testing.T) {
	o := testOptions(t, memDisk())
	o.Now = fixedClock()
	o.Rules = parseRules(t, `{"version":1,"directories":"empty","objects":[{"lock":{"mode":"COMPLIANCE","until":"2026-01-02T03:04:06Z"}},{"storage_class":"GLACIER"}]}`)
	o = o.withDefaults()
	if err := o.validate(); err != nil || o.Directories != entry.PolicyEmpty || o.Symlinks != entry.PolicyObject {
		t.Errorf("%v, %q, %q", err, o.Directories, o.Symlinks)
	}
	o.ReadBack = true
	if err := o.validate(); err == nil || !strings.Contains(err.Error(), "cannot be read back") {
		t.Errorf("read back from GLACIER: %v", err)
	}
	o.ReadBack, o.Now = false, func() time.Time { return fixedClock()().Add(time.Second) }
	if _, err := Run(t.Context(), mixed(), newFake(t), o); err == nil || !strings.Contains(err.Error(), "is past") {
		t.Errorf("a lock that is over: %v", err)
	}
}

// TestCancelAfterLock: a lock of the rules that has ended by now keeps no run from being given up.
func TestCancelAfterLock(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.Now = fixedClock()
	o.Rules = parseRules(t, `{"version":1,"objects":[{"lock":{"mode":"COMPLIANCE","until":"2026-01-02T03:04:06Z"}}]}`)
	mustRun(t, s, f, o)
	o.Now = func() time.Time { return fixedClock()().Add(time.Hour) }
	if out, err := Cancel(t.Context(), s, deleting{f}, o, false); err != nil || out.Left == 0 {
		t.Errorf("%+v, %v", out, err)
	}
}

// TestPlanDefers: a plan of more than may be held ends as the run would.
func TestPlanDefers(t *testing.T) {
	o := testOptions(t, nil)
	o.DryRun, o.DeferComplete = true, 2
	res, err := Run(t.Context(), mixed(), newFake(t), o)
	if !target.HasCode(err, target.CodeTooManyHeld) || res.Planned == nil || res.Planned.Objects == 0 {
		t.Errorf("%v, %+v", err, res)
	}
	o.DeferComplete = 100
	if _, err := Run(t.Context(), mixed(), newFake(t), o); err != nil {
		t.Error(err)
	}
}
