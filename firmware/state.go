package firmware

import (
	"errors"
	"fmt"
	"time"
)

// State is where a device stands in the life of a job.
type State string

// The states. The empty State is that of a folder without a device.
const (
	Provisioned State = "provisioned" // has a key, obeys one signer, has no job
	Locked      State = "locked"      // has a job; the load key is not in memory
	Unlocked    State = "unlocked"    // the load key is in memory
	Loading     State = "loading"     // a load runs, or ended without saying so
	Sealed      State = "sealed"      // the generation is final; the load key is gone
	Tampered    State = "tampered"    // nothing here is believed
)

// EventKind is what happened or is asked for.
type EventKind string

// The events.
const (
	EventProvision EventKind = "provision"
	EventAdoptJob  EventKind = "adopt-job"
	EventExtendJob EventKind = "extend-job"
	EventUnlock    EventKind = "unlock"
	EventLock      EventKind = "lock"
	EventLoadStart EventKind = "load-start"
	EventLoadEnd   EventKind = "load-end"
	EventSealDone  EventKind = "seal-done"
	EventReboot    EventKind = "reboot" // the secret is gone
	EventTamper    EventKind = "tamper"
	// EventReinstate stands in the history only: [Reinstate] is no event of the table.
	EventReinstate EventKind = "reinstate"
)

// Event asks for a change of state. Job, Serial and JobFile belong to EventAdoptJob
// and EventExtendJob; the caller has verified the file with the device's Signer
// before, and for the latter that nothing but serial and expiry differs from the file
// at hand.
type Event struct {
	Kind    EventKind
	Time    time.Time
	Detail  string // one line for the history, no names of files
	Job     ID
	Serial  uint64
	JobFile []byte
}

// Errors by what the caller should do.
var (
	// ErrNotProvisioned: there is no device in this folder; make one or name another folder.
	ErrNotProvisioned = errors.New("no device here")
	// ErrProvisioned: there is a device in this folder already.
	ErrProvisioned = errors.New("there is a device here already")
	// ErrTampered: stop; tell the data centre.
	ErrTampered = errors.New("device is tampered with")
	// ErrDoubt: what the state folder says does not fit together, and nobody has the
	// lock who could write that down; the next command that changes the device does.
	ErrDoubt = errors.New("device's state cannot be believed")
	// ErrForbidden: the device's state does not allow this; [StateError] says which.
	ErrForbidden = errors.New("not allowed in this state")
	// ErrRollback: older than what the device has obeyed.
	ErrRollback = errors.New("older than what this device knows")
	// ErrSecondCheckpoint: the device's key has signed another checkpoint of this log.
	ErrSecondCheckpoint = errors.New("another checkpoint of this log has been signed")
	// ErrConcurrent: another command changed the state meanwhile; run this one again.
	ErrConcurrent = errors.New("another command changed the device's state meanwhile")
)

// StateError says which event was refused in which state.
type StateError struct {
	State State
	Event EventKind
}

func (e *StateError) Error() string {
	words, ok := refusals[e.Event]
	if !ok {
		words = fmt.Sprintf("%s is not allowed", e.Event)
	}
	return fmt.Sprintf("device is %s: %s", e.State, words)
}

// refusals says in the operator's words what an event that was refused asked for.
var refusals = map[EventKind]string{
	EventProvision: "it cannot be made anew",
	EventAdoptJob:  "it takes no other job now",
	EventExtendJob: "its job cannot be extended",
	EventUnlock:    "it cannot be unlocked",
	EventLock:      "it cannot be locked",
	EventLoadStart: "nothing can be loaded",
	EventLoadEnd:   "no load is at work",
	EventSealDone:  "it cannot be sealed",
}

// Unwrap makes a StateError of a tampered device ErrTampered, all others ErrForbidden.
func (e *StateError) Unwrap() error {
	if e.State == Tampered {
		return ErrTampered
	}
	return ErrForbidden
}

// next is the whole rule of states. What an event needs beyond the state, such
// as a job file that is not older than the last one, is [Device.Apply]'s.
func next(s State, e EventKind) (State, error) {
	if s == Tampered && e != EventTamper {
		return s, &StateError{s, e}
	}
	switch e {
	case EventTamper:
		if s != "" {
			return Tampered, nil
		}
	case EventProvision:
		if s == "" {
			return Provisioned, nil
		}
	case EventAdoptJob:
		// Before the first unlock of a job another one may take its place; a
		// sealed device begins a new job. Apply checks the job's identity.
		if s == Provisioned || s == Locked || s == Sealed {
			return Locked, nil
		}
	case EventExtendJob:
		if s == Locked || s == Unlocked || s == Loading {
			return s, nil
		}
	case EventUnlock:
		switch s {
		case Locked, Unlocked:
			return Unlocked, nil
		case Loading: // a load was killed; it goes on by the next load
			return Loading, nil
		}
	case EventLock, EventReboot:
		switch s {
		case Locked, Unlocked, Loading:
			return Locked, nil
		case Provisioned, Sealed: // there is no secret to forget
			return s, nil
		}
	case EventLoadStart:
		if s == Unlocked || s == Loading {
			return Loading, nil
		}
	case EventLoadEnd:
		if s == Loading || s == Unlocked { // a load that found nothing to do began none
			return Unlocked, nil
		}
	case EventSealDone:
		// Locked: power was cut after the checkpoint was signed, and the seal is
		// finished without the load key. Sealed: again, after a crash at its end.
		// Loading: what is unfinished is the appliance's to tell. Apply wants the
		// checkpoint on record.
		if s == Unlocked || s == Locked || s == Loading || s == Sealed {
			return Sealed, nil
		}
	}
	return s, &StateError{s, e}
}
