package status

import "time"

// Cancel is how far a cancel is, by its own word. It tells from when the run is recorded as
// canceled.
type Cancel struct {
	Started time.Time `json:"started"`
	Ended   bool      `json:"ended,omitempty"` // the command is through, or was stopped
	Deletes bool      `json:"deletes"`         // the run's objects, too
	Aborted uint64    `json:"aborted"`         // uploads
	Deleted uint64    `json:"deleted"`         // objects, as all below
	Left    uint64    `json:"left"`            // of the run, which stay
	Changed uint64    `json:"changed"`         // that are not the run's any more
	Failed  uint64    `json:"failed"`          // that could not be looked at or removed
	Gone    uint64    `json:"gone"`            // that the target has not
}
