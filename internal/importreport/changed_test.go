package importreport

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
)

// TestTargetChanged: a run with receipts, whose objects a later start did not find, is told as that
// and not as completed, alone and in a job. Another halt of a later start says nothing of it.
func TestTargetChanged(t *testing.T) {
	for code, changed := range map[target.Code]bool{target.CodeTargetChanged: true, target.CodeServerError: false} {
		run := cleanRun()
		run.state, run.halt = request.StateHalted, &request.Halt{Code: code, Cause: "1 was not there", Remedy: "check the bucket", Since: testStart}
		d := read(t, run.folder(t))
		r, v := reportOf(t, d), d.Verdict()
		text := &strings.Builder{}
		r.Text(text)
		said := v.Kind == "bad" && d.State == request.StateHalted && !d.Complete && !r.Done && strings.Contains(text.String(), "halted      target-changed: 1 was not there\n            check the bucket")
		if done := v.Head == "Completed" && d.Halt == nil && r.Done && d.Complete; said != changed || done == changed {
			t.Errorf("%s: %+v, state %s, done %v\n%s", code, v, d.State, r.Done, text)
		}
		if changed && strings.Contains(text.String(), "Completed") {
			t.Errorf("%s", text)
		}
		var page strings.Builder
		if err := r.HTML(&page); err != nil || strings.Contains(page.String(), "check the bucket") != changed {
			t.Errorf("%s: the page has the remedy: %v, %v", code, !changed, err)
		}
	}
}

// TestTargetChangedMeanwhile: so is one that a start waits for or looks at just now, whatever that
// has met, with the halt of the look that did not find its objects.
func TestTargetChangedMeanwhile(t *testing.T) {
	changed := &request.Halt{Code: target.CodeTargetChanged, Cause: "1 was not there", Since: testStart}
	for _, s := range []status.Status{
		{State: request.StateRunning, Changed: changed}, {State: request.StateStopped, Changed: changed}, {State: request.StateAsleep, Halt: changed},
		{State: request.StateHalted, Changed: changed, Halt: &request.Halt{Code: target.CodeServerError}},
	} {
		d := &Device{Final: true, Complete: true}
		if d.takeStatus(&s, nil, receiptsName); d.Complete || d.State != request.StateHalted || d.Halt == nil || *d.Halt != *changed || d.Verdict() != d.changed() {
			t.Errorf("%s: %+v", s.State, d)
		}
	}
}
