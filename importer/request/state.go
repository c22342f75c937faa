package request

import (
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// State is what an operator calls the state of a run.
type State string

// The states.
const (
	StateRunning  State = "in progress"
	StatePaused   State = "paused"
	StateAsleep   State = "waiting for its hours"
	StateHalted   State = "halted: fix needed"
	StateStopped  State = "stopped" // by an operator, or with the process; the same command goes on
	StateDone     State = "completed"
	StateErrors   State = "completed with errors"
	StateCanceled State = "canceled"
	StateTaken    State = "taken over" // by another process
)

// Halt is why a run waits for its operator.
type Halt struct {
	Code   target.Code `json:"code"`
	Cause  string      `json:"cause"`
	Remedy string      `json:"remedy"`
	Since  time.Time   `json:"since"`
}

// WhileWaiting is a remedy for who looks at a run that waits: it needs no new start.
func WhileWaiting(remedy string) string {
	if do, again := strings.CutSuffix(remedy, " then run the same command again"); again {
		return strings.TrimRight(do, ",;") + "; the run goes on by itself then"
	}
	return remedy
}

// Working tells a state in which a process is there.
func (s State) Working() bool {
	switch s {
	case StateRunning, StatePaused, StateAsleep, StateHalted:
		return true
	}
	return false
}
