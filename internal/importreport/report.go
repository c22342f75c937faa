package importreport

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// Report is the account of one job's imports, a device each.
type Report struct {
	Job     manifest.ID `json:"job"`
	Final   bool        `json:"final"`    // every device's receipts are written
	Done    bool        `json:"complete"` // and say that every entry is proven
	Total   Sum         `json:"total"`
	Devices []*Device   `json:"devices"`
}

// Sum counts entries of one device or of several.
type Sum struct {
	Entries  uint64                   `json:"entries"` // with an outcome
	Of       uint64                   `json:"of,omitempty"`
	Objects  uint64                   `json:"objects"` // stored or already there
	Bytes    int64                    `json:"bytes"`   // of objects
	OfBytes  int64                    `json:"of_bytes,omitempty"`
	Outcomes map[entry.Outcome]uint64 `json:"outcomes"`
	Proofs   map[entry.Proof]uint64   `json:"proofs"`
	Remarks  uint64                   `json:"remarks"` // entries that are older versions, see Device.Older
}

// Device is the account of one run of one device.
type Device struct {
	Folder     string        `json:"folder"`
	Job        manifest.ID   `json:"job"`
	Device     manifest.ID   `json:"device"`
	Generation uint32        `json:"generation"`
	Run        string        `json:"run"`
	State      request.State `json:"state"`
	Target     string        `json:"target"`
	Endpoint   string        `json:"endpoint,omitempty"`
	Profile    string        `json:"profile"`
	Host       string        `json:"host,omitempty"`
	Software   string        `json:"software,omitempty"`
	Final      bool          `json:"final"`    // told from receipts
	Complete   bool          `json:"complete"` // the receipts say so, the run was not canceled, and its objects were not missed since
	Halt       *request.Halt `json:"halt,omitempty"`
	Presence
	over    bool // the start has ended with Halt
	resumed bool // there are receipts, of an attempt before this one

	Canceled *receipt.CancelMark `json:"canceled,omitempty"` // the run was given up
	Runs     []Run               `json:"runs,omitempty"`     // of the state folder, if it holds several
	Earlier  bool                `json:"earlier,omitempty"`  // a later run of the same device is here, too: this one is not in the sums

	Began   time.Time   `json:"began"`
	Ended   time.Time   `json:"ended,omitzero"` // of a run that has ended
	Updated time.Time   `json:"updated,omitzero"`
	Times   []StateTime `json:"times"`
	ETA     int64       `json:"eta_seconds,omitempty"`

	Sum         Sum         `json:"sum"`
	Sections    []Section   `json:"sections"`
	Met         []CodeCount `json:"met"` // how often each code was met, also where a retry helped
	Retries     int64       `json:"retries"`
	Throttled   int64       `json:"throttled"`
	Differences []string    `json:"differences"`
	Bad         []Object    `json:"bad"`      // failed or in conflict, the first MaxBad
	BadMore     uint64      `json:"bad_more"` // that are not in Bad
	Older       []Object    `json:"older"`    // the last good version is there, as a later look at the source failed: the first MaxBad
	OlderMore   uint64      `json:"older_more"`
	Sizes       []Bucket    `json:"sizes"`
	Largest     []Object    `json:"largest"`

	Curve   []Rate    `json:"curve"`
	Bands   []Band    `json:"bands"` // when it was not in progress
	Slowest []Stretch `json:"slowest"`

	Decisions []request.Decision `json:"decisions"` // of the requests at once, a bounded number
	Limits    []LimitTime        `json:"limits"`    // by what they were limited

	Signed   *Signed  `json:"signed,omitempty"`
	Findings []string `json:"findings"` // what does not fit together
	Notes    []string `json:"notes"`    // what could not be told
}

// ErrJobs: the folders are of more than one job.
var ErrJobs = errors.New("state folders of different jobs")

// New puts runs of one job together. Of several runs of a device the one that began last
// counts; the others are in the report, and in no sum.
func New(devices ...*Device) (*Report, error) {
	r := &Report{Final: true, Done: true, Devices: devices, Total: newSum()}
	for i, d := range devices {
		if i == 0 {
			r.Job = d.Job
		}
		if d.Job != r.Job {
			return nil, fmt.Errorf("%w: %s is of job %s, %s of job %s", ErrJobs, devices[0].Folder, r.Job, d.Folder, d.Job)
		}
		if same := slices.IndexFunc(devices[:i], d.isSameRun); same >= 0 {
			return nil, fmt.Errorf("%s and %s are of the same run", devices[same].Folder, d.Folder)
		}
	}
	for i, d := range devices {
		if later := slices.IndexFunc(devices, d.isBefore(i, devices)); later >= 0 {
			d.Earlier = true
			d.note("it is an earlier run of this device: %s counts in the sums of the job", devices[later].Folder)
			continue
		}
		r.Final = r.Final && d.Final
		r.Done = r.Done && d.Final && d.Complete && d.Halt == nil && len(d.Findings) == 0
		r.Total.add(d.Sum)
	}
	r.Done = r.Done && len(devices) > 0
	return r, nil
}

// isBefore tells a run of the same device that began after d, the i-th; of two that began at
// once the one that was named later counts.
func (d *Device) isBefore(i int, all []*Device) func(*Device) bool {
	return func(e *Device) bool {
		return d != e && d.Device == e.Device && d.Generation == e.Generation &&
			(e.Began.After(d.Began) || e.Began.Equal(d.Began) && slices.Index(all, e) > i)
	}
}

func (d *Device) isSameRun(e *Device) bool {
	return d.Device == e.Device && d.Generation == e.Generation && d.Run == e.Run
}

// Inconsistent tells whether something that was signed or counted does not fit.
func (r *Report) Inconsistent() bool {
	return slices.ContainsFunc(r.Devices, func(d *Device) bool { return len(d.Findings) > 0 })
}

func newSum() Sum {
	return Sum{Outcomes: map[entry.Outcome]uint64{}, Proofs: map[entry.Proof]uint64{}}
}

func (s *Sum) add(t Sum) {
	s.Entries, s.Of, s.Objects = s.Entries+t.Entries, s.Of+t.Of, s.Objects+t.Objects
	s.Bytes, s.OfBytes, s.Remarks = s.Bytes+t.Bytes, s.OfBytes+t.OfBytes, s.Remarks+t.Remarks
	for outcome, n := range t.Outcomes {
		s.Outcomes[outcome] += n
	}
	for proof, n := range t.Proofs {
		s.Proofs[proof] += n
	}
}

// Bad is the number of entries that should be in the target and are not.
func (s Sum) Bad() uint64 {
	return s.Outcomes[entry.OutcomeFailed] + s.Outcomes[entry.OutcomeConflict]
}

// Object is one entry that a report names.
type Object struct {
	Key     string        `json:"key,omitempty"`
	Path    string        `json:"path"`
	Size    *int64        `json:"size,omitempty"`
	Outcome entry.Outcome `json:"outcome"`
	Code    target.Code   `json:"code,omitempty"`
	Cause   string        `json:"cause,omitempty"`
	Remedy  string        `json:"remedy,omitempty"`

	Remark       string `json:"remark,omitempty"` // why a later look at the source failed
	RemarkDetail string `json:"remark_detail,omitempty"`
}

// Name is the object's key, or the entry's path where it has none.
func (o Object) Name() string {
	if o.Key != "" {
		return o.Key
	}
	return o.Path
}
