package importreport

import (
	"fmt"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// takeChanged takes the word of a start after the run's end that did not find the run's objects
// in the target. The receipts are from before, and say nothing of that.
func (d *Device) takeChanged(s *importer.Status) {
	if s.State == request.StateHalted && s.Halt != nil && s.Halt.Code == target.CodeTargetChanged {
		d.State, d.Halt = s.State, s.Halt
	}
}

// changed is the verdict of such a run.
func (d *Device) changed() Verdict {
	return Verdict{"bad", "Target changed since the end",
		fmt.Sprintf("A later start looked at the target at %s: %s. The receipts are from before.", Moment(d.Halt.Since), d.Halt.Cause)}
}
