package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/statefolder"
)

// anEnd is what every teller must say of a run that has come to an end of one kind, or waits.
type anEnd struct {
	name string
	come func(*endsLab) // to that end

	exit                     int // of the run; atWork: it has none
	state                    request.State
	atWork, listens          bool
	status                   string // is in its text
	head                     string // of the report's verdict
	text                     string // is in that
	final, complete, changed bool
	note                     string // is in the report, too
	accept                   int
	refused                  string // is in why accept refuses it
}

const stillAtWork = -1

// theEnds is the table. What is not said in it is said by nobody.
var theEnds = []anEnd{
	{name: "completed", come: func(l *endsLab) { l.run(l.t.Context()) },
		state: request.StateDone, status: ": completed\n", head: "Completed", text: "proven", final: true, complete: true},
	{name: "with errors", come: func(l *endsLab) { l.refuse(http.StatusBadRequest, "InvalidRequest"); l.run(l.t.Context()) },
		exit: exitObjects, state: request.StateErrors, status: ": completed with errors\n", head: "Completed with errors", text: "3 entries failed", final: true},
	{name: "halted and ended", come: (*endsLab).halts, exit: exitTarget, state: request.StateHalted,
		status: "has ended. Start the same sledge import run\n", head: "Not final: halted: fix needed", text: "nobody waits. Mend that. Start the same sledge import run to go on", accept: exitNotFound},
	{name: "halted, and its command listens", come: (*endsLab).haltsListening, exit: stillAtWork, state: request.StateHalted, listens: true,
		status: "is at work on others, and has this folder until it ends.\n            Start the same", head: "Not final: halted: fix needed", text: "has the folder until it ends", accept: exitNotFound},
	{name: "completed, and its command listens", come: (*endsLab).listening, exit: stillAtWork, state: request.StateDone, listens: true,
		status: ": completed\n", head: "Completed", final: true, complete: true},
	{name: "halted, waits", come: (*endsLab).waits, exit: stillAtWork, state: request.StateHalted, atWork: true,
		status: "the run goes on by itself then", head: "Not final: halted: fix needed", text: "The run waits for its operator", accept: exitNotFound},
	{name: "halted, killed", come: func(l *endsLab) { l.waits(); l.kill() }, exit: stillAtWork, state: request.StateHalted,
		status: "has ended without a word. Start the same sledge import run\n", head: "Not final: not at work (its last word: halted: fix needed)", text: "Start the same sledge import run to go on", accept: exitNotFound},
	{name: "halted, then Ctrl-C", come: func(l *endsLab) { l.waits(); l.stop() }, exit: exitInterrupted, state: request.StateStopped,
		status: ": stopped\n", head: "Not final: stopped", text: "Start the same sledge import run to go on", accept: exitNotFound},
	{name: "paused", come: (*endsLab).pauses, exit: stillAtWork, state: request.StatePaused, atWork: true,
		status: ": paused\n", head: "Not final: paused", text: "The run has not ended. Nothing is signed yet", accept: exitNotFound},
	{name: "paused, then stopped from elsewhere", come: func(l *endsLab) { l.pauses(); l.ask(status.WantStop); l.over() }, exit: exitInterrupted, state: request.StateStopped,
		status: ": stopped\n", head: "Not final: stopped", text: "was stopped before its end", accept: exitNotFound},
	{name: "paused, then Ctrl-C", come: func(l *endsLab) { l.pauses(); l.stop() }, exit: exitInterrupted, state: request.StateStopped,
		status: "begins nothing before sledge import resume\n", head: "Not final: stopped", accept: exitNotFound},
	{name: "out of its hours", come: (*endsLab).sleeps, exit: stillAtWork, state: request.StateAsleep, atWork: true,
		status: "hours       no request begins before ", head: "Not final: waiting for its hours", text: "has not ended", accept: exitNotFound},
	{name: "out of its hours, killed", come: func(l *endsLab) { l.sleeps(); l.kill() }, exit: stillAtWork, state: request.StateAsleep,
		status: ": not at work (its last word: waiting for its hours)\n", head: "Not final: not at work (its last word: waiting for its hours)", accept: exitNotFound},
	{name: "interrupted", come: func(l *endsLab) { l.hangs(); l.stop() }, exit: exitInterrupted, state: request.StateStopped,
		status: ": stopped\n", head: "Not final: stopped", accept: exitNotFound},
	{name: "killed", come: func(l *endsLab) { l.hangs(); l.kill() }, exit: stillAtWork, state: request.StateRunning,
		status: ": not at work (its last word: in progress)\n", head: "Not final: not at work (its last word: in progress)", accept: exitNotFound},
	{name: "canceled", come: func(l *endsLab) { l.run(l.t.Context()); l.cancel() }, state: request.StateCanceled,
		status: ": canceled\n", head: "Canceled", text: "nothing of it counts as imported", final: true, accept: exitObjects},
	{name: "canceled before its end", come: func(l *endsLab) { l.halts(); l.cancel() }, exit: exitTarget, state: request.StateCanceled,
		status: ": canceled\n", head: "Canceled", accept: exitNotFound, refused: "it was canceled: the run has no receipts"},
	{name: "taken over in the folder", come: (*endsLab).takenOver, exit: exitTarget, state: request.StateDone,
		status: ": completed\n", head: "Completed", final: true, complete: true},
	{name: "taken over, on its first host", come: (*endsLab).leftBehind, exit: exitTarget, state: request.StateTaken,
		status: ": taken over\n", head: "Not final: taken over", text: "Another process has taken the run over", accept: exitNotFound},
	{name: "its marker waits", come: (*endsLab).markerWaits, exit: stillAtWork, state: request.StatePaused, atWork: true,
		status: ": paused: commit marker\n", head: "Completed", final: true, complete: true},
	{name: "its marker waited, then Ctrl-C", come: func(l *endsLab) { l.markerWaits(); l.stop() }, exit: exitInterrupted, state: request.StateStopped,
		status: ": stopped\n", head: "Completed", final: true, complete: true},
	{name: "its marker is refused", come: (*endsLab).markerRefused, exit: exitTarget, state: request.StateHalted,
		status: "needs you   access-denied: ", head: "Completed", note: "has halted: access-denied: ", final: true, complete: true},
	{name: "with errors, then begun again", come: func(l *endsLab) {
		l.refuse(http.StatusBadRequest, "InvalidRequest")
		l.run(l.t.Context())
		l.hangs()
		l.stop()
	}, exit: exitInterrupted, state: request.StateStopped, status: ": stopped\n", head: "Not final: stopped", text: "Nothing of this attempt is signed yet", note: "signed      nothing of this attempt yet\n"},
	{name: "its marker was refused, then paused and Ctrl-C", come: func(l *endsLab) { l.markerRefused(); l.pauses(); l.stop() }, exit: exitInterrupted, state: request.StateHalted,
		status: "needs you   access-denied: ", head: "Completed", note: "has halted: access-denied: ", final: true, complete: true},
	{name: "its objects are gone", come: (*endsLab).loses, exit: exitTarget, state: request.StateHalted, changed: true,
		status: "needs you   target-changed: ", head: "Target changed since the end", final: true, accept: exitObjects},
}

// TestEveryEnd: status, report and accept, as text and as JSON, say the same and what is true of
// each end of a run.
func TestEveryEnd(t *testing.T) {
	for _, e := range theEnds {
		t.Run(e.name, func(t *testing.T) {
			l := newEndsLab(t)
			e.come(l)
			if l.exit != e.exit {
				t.Errorf("exit code %d, want %d", l.exit, e.exit)
			}
			e.checkStatus(l)
			e.checkReport(l)
			if code, says := l.accepts(); code != e.accept || !strings.Contains(says, e.refused) {
				t.Errorf("accept: %d, want %d: %s", code, e.accept, says)
			}
		})
	}
}

func (e *anEnd) checkStatus(l *endsLab) {
	text, answer := l.tells("status")
	var s statefolder.Status
	if err := json.Unmarshal(answer, &s); err != nil {
		l.t.Fatal(err)
	}
	if !strings.Contains(text, e.status) {
		l.t.Errorf("status has no %q:\n%s", e.status, text)
	}
	if s.State != e.state || s.AtWork != e.atWork || s.Listens != e.listens || (s.Changed != nil) != e.changed {
		l.t.Errorf("status: %q, at work %v, listens %v, changed %v", s.State, s.AtWork, s.Listens, s.Changed)
	}
	l.mustNotPromise(text, e.atWork)
	if s.Halt != nil {
		l.mustNotPromise(s.Halt.Remedy, e.atWork)
	}
}

func (e *anEnd) checkReport(l *endsLab) {
	text, answer := l.tells("report")
	var r runReport
	if err := json.Unmarshal(answer, &r); err != nil {
		l.t.Fatal(err)
	}
	if r.Verdict.Head != e.head || !strings.Contains(r.Verdict.Text, e.text) || !strings.Contains(text, r.Verdict.Text) {
		l.t.Errorf("report: %+v, want %q, %q", r.Verdict, e.head, e.text)
	}
	d := r.Devices[0]
	if d.Final != e.final || d.Complete != e.complete || d.AtWork != e.atWork || d.Listens != e.listens || r.Done != e.complete || (d.Canceled != nil) != (e.state == request.StateCanceled) {
		l.t.Errorf("report: final %v, complete %v, at work %v, listens %v, done %v, canceled %v", d.Final, d.Complete, d.AtWork, d.Listens, r.Done, d.Canceled)
	}
	if want := e.state; !e.final && d.State != want {
		l.t.Errorf("report: state %q", d.State)
	}
	if !strings.Contains(text, e.note) {
		l.t.Errorf("report has no %q:\n%s", e.note, text)
	}
	l.mustNotPromise(text, e.atWork)
}

// mustNotPromise: nothing goes on by itself where nobody is at work.
func (l *endsLab) mustNotPromise(text string, atWork bool) {
	l.t.Helper()
	for _, promise := range []string{"goes on by itself", "waits for its operator", "remaining"} {
		if !atWork && strings.Contains(text, promise) {
			l.t.Errorf("nobody is at work, and it says %q:\n%s", promise, text)
		}
	}
}
