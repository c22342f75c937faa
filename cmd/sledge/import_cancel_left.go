package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sledge-io/sledge/internal/statefolder"
)

// printUnrecorded is the report of a cancel that has ended before the state folder knew of it for
// good.
func (r *cancelReport) printUnrecorded(w io.Writer) {
	what := "is not recorded as canceled: the command ended before that"
	switch {
	case r.ThereOnly:
		what = "is canceled, or may be, by its journal in the target, and the state folder does not say so. The same command again records it"
	case r.Unsure:
		what = "may be recorded as canceled: the state folder shows it, and did not make it durable. The same command again does"
	}
	fmt.Fprintf(w, "run         %s %s\ntarget      %s\n", escape(r.Run), what, escape(r.Target))
	r.printJournalLeft(w)
}

// printRun tells whom a recorded cancel holds for.
func (r *cancelReport) printRun(w io.Writer) {
	where := ""
	if r.HereOnly {
		where = " on this host only: the journal in the target does not say so, and another host can take the run over, or has done so"
	}
	fmt.Fprintf(w, "run         %s is canceled%s\ntarget      %s\n", escape(r.Run), where, escape(r.Target))
}

func (r *cancelReport) printJournalLeft(w io.Writer) {
	printIf(w, r.JournalLeft != "", "journal     left below %s: the same command again removes it\n", escape(r.JournalLeft))
}

// end is the error of a cancel that has come to its end.
func (r *cancelReport) end() error {
	left := r.left()
	if r.Failed == 0 {
		return left
	}
	err := fmt.Errorf("%w: %d could not be looked at or deleted", errObjects, r.Failed)
	if left == nil {
		return err
	}
	err = fmt.Errorf("%w; %s", err, inWords(left))
	if len(r.Late) > 0 {
		return r.hintLate(err)
	}
	return err
}

func (r *cancelReport) hintLate(err error) error {
	return hint(err, "run the same command again after %s: it finds what has appeared by then", clockTime(r.lateUntil()))
}

// left is what a cancel that has come to its end has left of the run, beside the objects that
// were to stay; nil is nothing.
func (r *cancelReport) left() error {
	var what []string
	if r.Uploads > 0 {
		what = append(what, plural(r.Uploads, "multipart upload"))
	}
	if r.JournalLeft != "" {
		what = append(what, "its journal or its marker below "+r.JournalLeft)
	}
	if len(r.Late) > 0 {
		what = append(what, plural(uint64(len(r.Late)), "key")+" may yet appear")
	}
	if len(what) == 0 {
		return nil
	}
	err := fmt.Errorf("%w: %s", errLeftOver, strings.Join(what, ", "))
	if len(r.Late) > 0 {
		return r.hintLate(err)
	}
	return err
}

// sayWaits tells what the process waits for that was asked to stop, once, and returns it.
func (a *app) sayWaits(found *statefolder.Status, said string) string {
	if found.Waits != "" && found.Waits != said {
		a.note("process %d waits for %s", found.PID, found.Waits)
	}
	return found.Waits
}

// mostLate bounds the keys that are printed; the list has all.
const mostLate = 5

// printLate names what may yet appear.
func (r *cancelReport) printLate(w io.Writer) {
	for i, l := range r.Late {
		if i == mostLate {
			fmt.Fprintf(w, "may appear  %d more\n", len(r.Late)-i)
			return
		}
		fmt.Fprintf(w, "may appear  %s, until %s: its %s had no answer\n", escape(l.Key), clockTime(l.Until), l.Call)
	}
}

// lateUntil is after which time nothing appears any more.
func (r *cancelReport) lateUntil() (until time.Time) {
	for _, l := range r.Late {
		if l.Until.After(until) {
			until = l.Until
		}
	}
	return until
}

// clockTime is the first whole minute that is not before a time.
func clockTime(t time.Time) string {
	return t.Add(time.Minute - 1).Local().Format("15:04")
}
