package statefolder

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
)

// ErrNoRun: the state folder has no such run, or no process is at work on it.
var ErrNoRun = errors.New("no such import run")

const (
	maxStatus = 1 << 20
	maxRuns   = 10000
	freshness = 10 * time.Second // a run at work writes its status every second
)

// Status is a run's status.json, and where it is.
type Status struct {
	status.Status
	Folder string `json:"folder"` // in the state folder; "" for its first run
	AtWork bool   `json:"at_work"`
	Gone   bool   `json:"process_gone,omitempty"` // its process has ended without a word

	Listens bool `json:"listens,omitempty"` // its command has ended with this run, and has the folder while it is at work on others

	Canceling bool `json:"canceling,omitempty"` // a cancel of the run is at work

	silent    time.Duration // since its last word
	elsewhere bool          // that was on another host
}

func (r *Status) Print(w io.Writer) {
	fmt.Fprintf(w, "run         %s of device %s: %s\n", terminal.Escape(r.Run), r.Device, r.stateNow())
	if h := r.Halt; h != nil {
		fmt.Fprintf(w, "needs you   %s: %s (since %s)\n            %s\n", h.Code, terminal.Escape(h.Cause), r.haltedSince(h), h.Remedy)
	}
	if c := r.Changed; c != nil && (r.Halt == nil || r.Halt.Code != c.Code) {
		fmt.Fprintf(w, "not found   %s: %s (since %s), until a start finds it\n", c.Code, terminal.Escape(c.Cause), r.haltedSince(c))
	}
	r.printCancel(w)
	switch {
	case !r.working():
		r.printOver(w)
	case !r.AtWork:
		r.printSilence(w)
	}
	r.printPaused(w)
	if p := r.Progress; r.AtWork && !p.Opens.IsZero() {
		fmt.Fprintf(w, "hours       no request begins before %s\n", p.Opens.Local().Format("2006-01-02 15:04"))
	}
	fmt.Fprintf(w, "target      %s\n", verdict.Target(r.Target, r.Endpoint))
	p := r.Progress
	fmt.Fprintf(w, "entries     %d of %d\nbytes       %s of %s\n", p.Entries, p.TotalEntries, terminal.Size(p.Bytes), terminal.Size(p.TotalBytes))
	if r.AtWork {
		fmt.Fprintf(w, "rate        %s/s, %.0f entries/s, %s\n", terminal.Size(int64(r.BytesPerSecond)), r.EntriesPerSecond, r.atOnce())
		if r.ETASeconds > 0 && r.State == request.StateRunning { // nobody knows when the others go on
			fmt.Fprintf(w, "remaining   about %s\n", time.Duration(r.ETASeconds)*time.Second)
		}
	}
	terminal.PrintIf(w, p.Retries+p.Throttled > 0, "retries     %d, asked to slow down %s\n", p.Retries, terminal.Plural(p.Throttled, "time"))
	for _, o := range slices.Sorted(maps.Keys(r.Outcomes)) {
		fmt.Fprintf(w, "  %-13s %d\n", terminal.Escape(string(o)), r.Outcomes[o])
	}
	for _, c := range slices.Sorted(maps.Keys(r.Problems)) {
		fmt.Fprintf(w, "met         %s: %s\n", terminal.Escape(string(c)), terminal.Plural(r.Problems[c], "time"))
	}
	fmt.Fprintf(w, "as of       %s, by process %d on %s\n", r.Updated.Local().Format(time.RFC3339), r.PID, terminal.Escape(r.Host))
}

// printPaused tells of a pause that the state does not tell, because something else holds the run,
// too, or nobody is at work on it.
func (r *Status) printPaused(w io.Writer) {
	switch {
	case !r.Paused || r.State == request.StateCanceled:
	case !r.AtWork:
		fmt.Fprint(w, "paused      the same sledge import run begins nothing before sledge import resume\n")
	case r.State != request.StatePaused:
		fmt.Fprint(w, "paused      nothing begins before sledge import resume, whatever else holds the run\n")
	}
}

// haltedSince has the day where the hour alone could be another day's.
func (r *Status) haltedSince(h *request.Halt) string {
	layout := "15:04:05"
	if r.Updated.Sub(h.Since) > 12*time.Hour {
		layout = "2006-01-02 15:04:05"
	}
	return h.Since.Local().Format(layout)
}

// working tells a state in which a process is there.
func (r *Status) working() bool {
	return r.State.Working() && !r.Ended
}

// atOnce is the number of requests, and what bounds it while the run is in progress.
func (r *Status) atOnce() string {
	p := r.Progress
	if words := p.Limit.Words(); words != "" && r.State == request.StateRunning {
		return fmt.Sprintf("%d requests at once: %s", p.Requests, words)
	}
	return fmt.Sprintf("%d requests at once", p.Requests)
}
