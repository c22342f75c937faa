package status

import (
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// NotFound is Changed, also of a process that was older than that field: its halt alone tells it.
func (s *Status) NotFound() *request.Halt {
	if s.Changed == nil && s.Halt != nil && s.Halt.Code == target.CodeTargetChanged {
		return s.Halt
	}
	return s.Changed
}

// Working reports whether the status was told by a process that was there to do more.
func (s *Status) Working() bool { return s.State.Working() && !s.Ended }

// Settled is what holds once no start is at work. A start that ended before its look has found
// nothing out, so what the one before did not find is still not found.
func (s Status) Settled() Status {
	if s.Changed == nil || !s.State.Working() {
		return s
	}
	s.State, s.Halt, s.Waits, s.Ended = request.StateHalted, s.Changed, "", true
	s.Progress.Opens = time.Time{}
	return s
}
