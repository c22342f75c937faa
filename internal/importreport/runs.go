package importreport

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
)

// Run is one of the runs that a state folder holds.
type Run struct {
	Folder   string        `json:"folder"` // in the state folder; "." is its first run
	Run      string        `json:"run"`
	State    request.State `json:"state"`
	Receipts string        `json:"receipts,omitempty"` // the newest whole ones, in Folder; "" if there are none
	Updated  time.Time     `json:"updated,omitzero"`
}

// StateUnreadable is of a run whose status cannot be read.
const StateUnreadable request.State = "its status cannot be read"

const mostRuns = 10000

// Runs names the runs of a state folder, its first run first. What is no run is left out.
func Runs(state fs.FS) []Run {
	folders := []string{"."}
	entries, err := fs.ReadDir(state, runsName)
	if err == nil {
		for _, e := range entries[:min(len(entries), mostRuns)] {
			folders = append(folders, runsName+"/"+e.Name())
		}
	}
	var runs []Run
	for _, folder := range folders {
		if r, ok := runOf(state, folder); ok {
			runs = append(runs, r)
		}
	}
	return runs
}

func runOf(state fs.FS, folder string) (Run, bool) {
	r := Run{Folder: folder, Run: strings.TrimPrefix(folder, runsName+"/")}
	sub, err := fs.Sub(state, folder)
	if err != nil {
		return r, false
	}
	status, err := readStatus(sub)
	r.Receipts, _ = Receipts(sub)
	switch {
	case err != nil:
		r.State = StateUnreadable
	case status == nil && r.Receipts == "":
		return r, false
	case status == nil:
		r.State = "its status is missing"
	default:
		r.Run, r.State, r.Updated = status.Run, status.State, status.Updated
	}
	if mark, err := canceled(sub, status, runIn(sub, r.Receipts, status)); err != nil || mark != nil {
		r.State = request.StateCanceled
	}
	return r, true
}

// runIn is the run of a folder by its status or else by its receipts, "" if there are none.
func runIn(folder fs.FS, receipts string, status *status.Status) string {
	if status != nil {
		return status.Run
	}
	sub, err := fs.Sub(folder, receipts)
	if receipts == "" || err != nil {
		return ""
	}
	return RunOf(sub)
}

// Fits reports whether the run's receipts may be accepted: there are some, and it was not
// given up.
func (r Run) Fits() bool { return r.Receipts != "" && r.State != request.StateCanceled }

// Text is the run for a list of several.
func (r Run) Text() string {
	text := fmt.Sprintf("%s (%s", visible(r.Run), visible(string(r.State)))
	if r.Receipts == "" {
		text += ", no receipts"
	}
	return text + ")"
}

// namedRuns bounds a list of runs in a text.
const namedRuns = 10

// RunsText names runs, those that were at work last first, each as text says.
func RunsText(runs []Run, text func(Run) string) string {
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b Run) int { return b.Updated.Compare(a.Updated) })
	var parts []string
	for _, r := range runs[:min(len(runs), namedRuns)] {
		parts = append(parts, text(r))
	}
	if more := len(runs) - namedRuns; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, "; ")
}

// noteRuns says which runs the state folder holds besides this one, so that nobody takes the
// report of one for that of another.
func (d *Device) noteRuns(state fs.FS, folder string) {
	if d.Runs = Runs(state); len(d.Runs) < 2 {
		d.Runs = nil
		return
	}
	d.note("the state folder holds %d runs, each with a report of its own: %s", len(d.Runs), RunsText(d.Runs, func(r Run) string {
		switch {
		case r.Folder == folder:
			return r.Text() + ", which is this one"
		case r.Folder == ".":
			return r.Text() + " in the folder itself"
		}
		return r.Text() + " in " + visible(r.Folder)
	}))
}
