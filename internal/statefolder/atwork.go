package statefolder

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/importreport"
	"github.com/sledge-io/sledge/internal/terminal"
)

// goneAfter is after how long a silence the number of a process counts. Containers of one
// host may not see each other's, and a run writes every second.
const goneAfter = 3 * time.Second

// judge tells whether a process is at work, and whether the one that was has ended.
func (r *Status) judge(now time.Time) {
	host, err := os.Hostname()
	r.elsewhere = r.Host != "" && (err != nil || r.Host != host)
	r.silent = r.since(r.Updated, now)
	r.Gone = r.working() && r.hasGone(r.silent)
	r.AtWork = r.silent < freshness && r.working() && !r.Gone
	r.Canceling = r.Cancel != nil && !r.Cancel.Ended && r.silent < freshness && !r.hasGone(r.silent)
	deaf := r.since(r.Listening, now)
	r.Listens = !r.working() && deaf < freshness && !r.hasGone(deaf)
	if r.Halt != nil && !r.AtWork { // nobody waits for its end
		halt := *r.Halt
		halt.Remedy = request.AfterWaiting(halt.Remedy)
		r.Halt = &halt
	}
}

// since is how long ago a word was. One of this host that is in the future is as old as it is ahead:
// the clock was set back, and who is there tells again within a second.
func (r *Status) since(word, now time.Time) time.Duration {
	if ago := now.Sub(word); r.elsewhere || ago > 0 {
		return ago
	}
	return word.Sub(now)
}

// hasGone reports whether the process was of this host, and is there no more.
func (r *Status) hasGone(silent time.Duration) bool {
	return !r.elsewhere && r.PID > 0 && silent >= goneAfter && errors.Is(unix.Kill(r.PID, 0), unix.ESRCH)
}

// Presence is what is known now of the process that has written a status.
func Presence(s *status.Status, now time.Time) importreport.Presence {
	r := &Status{Status: *s}
	r.judge(now)
	p := importreport.Presence{AtWork: r.AtWork, Listens: r.Listens}
	if r.elsewhere {
		p.Elsewhere = r.Host
	}
	return p
}

// stateNow is the state for who looks now. The last word of a process that has gone, or says
// nothing, is no state of the run.
func (r *Status) stateNow() string {
	state := string(r.State)
	if r.Waits != "" {
		state += ": " + terminal.Escape(r.Waits)
	}
	if r.AtWork || !r.working() {
		return state
	}
	return fmt.Sprintf("not at work (its last word: %s)", state)
}

// printOver tells who has the folder of a run that has ended, and what can be done. Of one that is
// complete nobody need know: nothing is left to do.
func (r *Status) printOver(w io.Writer) {
	again := r.State == request.StateHalted || r.State == request.StateStopped || r.State == request.StateErrors
	switch {
	case r.Listens && again:
		fmt.Fprintf(w, "at work     not on this device: process %d is at work on others, and has this folder until it ends.\n            Start the same sledge import run then; sledge import cancel gets it before\n", r.PID)
	case r.State == request.StateHalted:
		fmt.Fprintf(w, "at work     no: process %d has ended. Start the same sledge import run\n", r.PID)
	}
}

// printSilence tells why a run that has not told its end may not be at work.
func (r *Status) printSilence(w io.Writer) {
	switch silent := r.silent.Round(time.Second); {
	case r.Gone:
		fmt.Fprintf(w, "at work     no: process %d has ended without a word. Start the same sledge import run\n", r.PID)
	case r.elsewhere:
		fmt.Fprintf(w, "at work     no word for %s from %s: the process there has ended or hangs, or this folder is a copy. Look there first;\n            then start the same sledge import run; if that is refused (state-locked), with --takeover\n", silent, terminal.Escape(r.Host))
	default:
		fmt.Fprintf(w, "at work     no word for %s: the process has ended or hangs. Start the same sledge import run;\n            if that is refused (state-locked), with --takeover\n", silent)
	}
}

// idle is the error of who steers a run that no process is at work on, with what can be done.
func (r *Status) idle() error {
	do := "start it: the same sledge import run goes on where it was"
	switch {
	case r.Listens:
		do = fmt.Sprintf("process %d is at work on other devices, and has this folder until it ends: then the same sledge import run goes on where it was; sledge import cancel gets it before", r.PID)
	case r.State == request.StateCanceled:
		do = "it was given up: import with a new --run-id"
	case r.State == request.StateDone:
		do = "nothing is left to do: sledge import report tells what it has come to"
	case r.State == request.StateErrors:
		do = "the same sledge import run, or sledge import retry, tries again what failed"
	case r.State == request.StateTaken:
		do = "leave it to the process that has taken it over, and steer that: name its state folder"
	case r.elsewhere:
		do = "it was at work on " + r.Host + ": look there first; then the same sledge import run goes on where it was"
	}
	return advice.Hint(fmt.Errorf("%w: no process is at work on run %s (%s)", ErrNoRun, r.Run, r.State), "%s", do)
}
