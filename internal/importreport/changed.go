package importreport

import (
	"fmt"
	"io/fs"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// takeChanged takes the word of a start after the run's end that did not find the run's objects
// in the target. The receipts are from before, and say nothing of that.
func (d *Device) takeChanged(s *status.Status) {
	switch halt := s.NotFound(); {
	case halt != nil:
		d.State, d.Halt, d.Complete = request.StateHalted, halt, false
	case s.State == request.StateHalted && s.Halt != nil:
		d.note("after the run's end its commit marker, or a later start, has halted: %s: %s", s.Halt.Code, s.Halt.Cause)
	}
}

// Changed is that word of a run's folder, whatever a start does there now. told is false where
// there is no status that can be read.
func Changed(folder fs.FS) (halt *request.Halt, told bool) {
	s, err := readStatus(folder)
	if err != nil || s == nil {
		return nil, false
	}
	return s.NotFound(), true
}

// changed is the verdict of such a run.
func (d *Device) changed() Verdict {
	return Verdict{"bad", "Target changed since the end",
		fmt.Sprintf("A later start looked at the target at %s: %s. The receipts are from before.", Moment(d.Halt.Since), d.Halt.Cause)}
}
