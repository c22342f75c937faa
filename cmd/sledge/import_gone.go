package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// goneAfter is how long a run whose process is not there must have been silent to count as
// ended: in another container of this host name its number means nothing.
const goneAfter = 3 * time.Second

// ended reports whether the run's process was on this host and is there no more.
func (r *runStatus) ended() bool {
	host, err := os.Hostname()
	return err == nil && host == r.Host && r.PID > 0 && errors.Is(syscall.Kill(r.PID, 0), syscall.ESRCH)
}

// stateNow is the state for who looks now. The last word of a process that has gone, or says
// nothing, is no state of the run.
func (r *runStatus) stateNow() string {
	if r.AtWork || !r.working() {
		return string(r.State)
	}
	return fmt.Sprintf("not at work (its last word: %s)", r.State)
}

// printAbsent says what became of the process of a run that is not at work.
func (r *runStatus) printAbsent(w io.Writer) {
	switch silent := r.silent.Round(time.Second); {
	case r.AtWork || !r.working():
	case r.Gone:
		fmt.Fprintf(w, "at work     no: process %d has ended without a word, %s ago or less. What it has done is kept;\n            start the same sledge import run\n", r.PID, silent)
	default:
		fmt.Fprintf(w, "at work     no word for %s: the process has ended or hangs. Start the same sledge import run;\n            if that is refused (state-locked), with --takeover\n", silent)
	}
}
