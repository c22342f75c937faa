package importreport

import (
	"fmt"
	"io/fs"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// takeChanged takes the word of a start after the run's end that did not find the run's objects
// in the target. The receipts are from before, and say nothing of that.
func (d *Device) takeChanged(s *importer.Status) {
	if targetChanged(s) {
		d.State, d.Halt = s.State, s.Halt
	}
}

func targetChanged(s *importer.Status) bool {
	return s.State == request.StateHalted && s.Halt != nil && s.Halt.Code == target.CodeTargetChanged
}

// Changed is that word of a run's folder; nil is none, or no status that can be read.
func Changed(folder fs.FS) *request.Halt {
	s, err := readStatus(folder)
	if err != nil || s == nil || !targetChanged(s) {
		return nil
	}
	return s.Halt
}

// changed is the verdict of such a run.
func (d *Device) changed() Verdict {
	return Verdict{"bad", "Target changed since the end",
		fmt.Sprintf("A later start looked at the target at %s: %s. The receipts are from before.", Moment(d.Halt.Since), d.Halt.Cause)}
}
