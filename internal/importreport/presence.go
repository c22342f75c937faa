package importreport

import (
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// Presence is what was known of a run's process when the report was made.
type Presence struct {
	AtWork  bool `json:"at_work"`           // on this run
	Listens bool `json:"listens,omitempty"` // it has ended with this run, and has its folder while it is at work on other devices

	Elsewhere string `json:"elsewhere,omitempty"` // the other host that it was on
}

// takePresence looks after the process. What nobody knows is what the status says.
func (d *Device) takePresence(s *status.Status, o Options) {
	switch {
	case s == nil:
		return
	case o.Presence != nil:
		d.Presence = o.Presence(s)
	default:
		d.AtWork = s.State.Working() && !s.Ended
	}
	if d.Halt != nil && !d.AtWork {
		halt := *d.Halt
		halt.Remedy = request.AfterWaiting(halt.Remedy)
		d.Halt = &halt
	}
	if !d.AtWork {
		d.ETA = 0
	}
}

const again = "the same sledge import run"

// open is the verdict of a run without receipts.
func (d *Device) open() Verdict {
	v := Verdict{"open", "Not final: " + string(d.State), ""}
	start := "Start " + again + " to go on"
	if d.Elsewhere != "" {
		start = "It was at work on " + d.Elsewhere + ": look there first; then start " + again + " to go on"
	}
	if d.Listens {
		start = "Its command is at work on other devices, and has the folder until it ends: start " + again + " then"
	}
	switch {
	case d.AtWork && d.Halt != nil:
		v.Kind, v.Text = "warn", "The run waits for its operator. It has not ended"
	case d.AtWork:
		v.Text = "The run has not ended"
	case d.State == request.StateTaken:
		v.Text = "Another process has taken the run over, and tells of it in a folder of its own"
	case d.State == request.StateDone || d.State == request.StateErrors:
		v.Kind, v.Text = "warn", "The run has ended, and its receipts are not here"
	case d.State == request.StateHalted && d.Halt != nil && d.over:
		v.Kind, v.Text = "warn", "The run has ended with what halted it, and nobody waits. Mend that. "+start
	case d.State.Working():
		v.Kind, v.Head, v.Text = "warn", "Not final: not at work (its last word: "+string(d.State)+")", d.silence()+start
	default:
		v.Kind, v.Text = "warn", "The run was stopped before its end. "+start
	}
	what := "Nothing"
	if d.resumed {
		what = "Nothing of this attempt"
	}
	v.Text += ". " + what + " is signed yet; the numbers are those of its last word, " + Moment(d.Updated) + "."
	return v
}

// silence is why nothing is heard of a process. A folder of another host may be a copy.
func (d *Device) silence() string {
	if d.Elsewhere != "" {
		return "Its process has ended without a word, or hangs, or this folder is a copy. "
	}
	return "Its process has ended without a word, or hangs. "
}
