package status

import (
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// Version is that of status.json.
const Version = 1

// Status is what a run tells whoever looks into its state folder: the file
// status.json, replaced every second or so. It names no path and no key.
type Status struct {
	Version    int           `json:"version"`
	State      request.State `json:"state"`
	Job        manifest.ID   `json:"job"`
	Device     manifest.ID   `json:"device"`
	Generation uint32        `json:"generation"`
	Waits      string        `json:"waits,omitempty"` // what the run waits with, where it has ended but for that
	Run        string        `json:"run"`
	Attempt    int           `json:"attempt"`
	Target     string        `json:"target"`
	Endpoint   string        `json:"endpoint,omitempty"`
	Profile    string        `json:"profile"`
	Host       string        `json:"host,omitempty"`
	PID        int           `json:"pid,omitempty"`
	Started    time.Time     `json:"started"` // of the first start
	Updated    time.Time     `json:"updated"`
	Unsettled  time.Time     `json:"unsettled,omitzero"` // until then objects may have been sent that the journal does not know
	Halt       *request.Halt `json:"halt,omitempty"`     // of StateHalted
	Ended      bool          `json:"ended,omitempty"`    // of StateHalted: the start has ended with it, and no process waits
	Changed    *request.Halt `json:"changed,omitempty"`  // a start did not find the run's objects, and none has found them since
	Listening  time.Time     `json:"listening,omitzero"` // of a run that has ended: its command still had the folder then, at work on other devices, and heard an operator
	Cancel     *Cancel       `json:"cancel,omitempty"`   // of StateCanceled: how far the command is, or was, that told so last
	Paused     bool          `json:"paused"`             // an operator's pause holds, whatever the state: the next start is paused, too
	Heard      time.Time     `json:"heard,omitzero"`     // Control.At of the operator's word that the run has obeyed last
	Progress   Progress      `json:"progress"`
	// The run's Pace.
	BytesPerSecond   float64                  `json:"bytes_per_second"`
	EntriesPerSecond float64                  `json:"entries_per_second"`
	ETASeconds       int64                    `json:"eta_seconds,omitempty"`
	Outcomes         map[entry.Outcome]uint64 `json:"outcomes"`
	Proofs           map[entry.Proof]uint64   `json:"proofs"`
	Remarks          uint64                   `json:"remarks"`  // entries that are older versions
	Problems         map[target.Code]uint64   `json:"problems"` // how often each code was met
}

// Point is one line of the file history.jsonl, to which a run appends about
// every ten seconds and at each change of state. Counts go on from start to
// start of a run. The file is thinned to every second line where it grows over a
// mebibyte, so that the distance of points is what is needed to draw a curve.
type Point struct {
	At       time.Time     `json:"at"`
	State    request.State `json:"state"`
	Entries  uint64        `json:"entries"`
	Objects  uint64        `json:"objects"`
	Bytes    int64         `json:"bytes"`
	Failed   uint64        `json:"failed"`
	Retries  int64         `json:"retries"`
	Throttle int64         `json:"throttled"`
	Requests int           `json:"requests"` // at once
	// What they are limited by, and how both came about since the point before: the last
	// MaxSteps changes.
	Limit request.Limit      `json:"limit,omitempty"`
	Steps []request.Decision `json:"steps,omitempty"`
}

// MaxSteps bounds the steps of a point, whose line is short.
const MaxSteps = 24

// The names of the files in a run's folder: the state folder, or runs/ID in it.
const (
	Name        = "status.json"
	HistoryName = "history.jsonl"
)
