package main

import (
	"fmt"
	"io"
	"strings"
)

// printUnrecorded is the report of a cancel that has ended before the state folder knew of it.
func (r *cancelReport) printUnrecorded(w io.Writer) {
	fmt.Fprintf(w, "run         %s is not recorded as canceled: the command ended before that\ntarget      %s\n", escape(r.Run), escape(r.Target))
	r.printJournalLeft(w)
}

func (r *cancelReport) printJournalLeft(w io.Writer) {
	if r.JournalLeft != "" {
		fmt.Fprintf(w, "journal     left below %s: the same command again removes it\n", escape(r.JournalLeft))
	}
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
	if len(what) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", errLeftOver, strings.Join(what, ", "))
}
