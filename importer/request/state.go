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

// What a remedy ends with, and what it says instead of that where a process waits.
const (
	startAgain = "then run the same command again"
	goesOn     = "the run goes on by itself then"
)

// WhileWaiting is a remedy for who looks at a run that waits: it needs no new start.
func WhileWaiting(remedy string) string {
	if do, or, again := strings.Cut(remedy, " "+startAgain); again {
		return strings.TrimRight(do, ",;") + "; " + goesOn + or
	}
	return remedy
}

// AfterWaiting is such a remedy for who looks when nobody waits any more.
func AfterWaiting(remedy string) string {
	return strings.Replace(remedy, goesOn, startAgain, 1)
}

// Working tells a state in which a process is there.
func (s State) Working() bool {
	switch s {
	case StateRunning, StatePaused, StateAsleep, StateHalted:
		return true
	}
	return false
}
