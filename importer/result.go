package importer

import (
	"fmt"
	"maps"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// Result is what a run has come to.
type Result struct {
	RunID       string
	Start       int // number of this start of the run
	Attempt     int // number of the receipts, which is in RunID, too
	DryRun      bool
	Planned     *Planned  // of a dry run
	Started     time.Time // the first start
	Finished    time.Time
	Earlier     bool             // the run had ended before this start, which only looked at a sample of its objects
	Recheck     *receipt.Recheck // of objects of earlier starts; nil if there were none
	Tally       entry.Tally
	Unfinished  uint64   // entries that were met and have no outcome yet
	Differences []string // source scan, manifest and target do not agree; each named
	Contradicts bool     // of them, the signed totals contradict the records: the device is not to be used
	LeftUploads uint64   // multipart uploads that may have been left behind
	Retries     int64
	PartsKept   int64 // parts of an earlier start that were not sent again
	Probe       ProbeReport
	Named       map[target.Code]uint64 // failures and warnings of this start
	Halt        *target.Error          // why the run stopped for the operator
	Interrupted bool
	Complete    bool   // every entry has an outcome and is proven, and all numbers agree
	Receipts    string // folder in StateDir, "" if not written
	Checkpoint  []byte // of the receipts

	run   *run
	later *finished // its clean-up is still to come (CleanUp)
}

// Planned is what an import would send.
type Planned struct {
	Objects  uint64 `json:"objects"`
	Bytes    int64  `json:"bytes"`
	Parts    uint64 `json:"parts"`    // requests with payload
	Requests uint64 `json:"requests"` // all, if nothing is tried twice and nothing is there

	Given map[string]uint64 `json:"given,omitempty"` // objects by the attributes that they would get
}

// Merge adds another plan's numbers.
func (p *Planned) Merge(q *Planned) {
	p.Objects, p.Bytes, p.Parts, p.Requests = p.Objects+q.Objects, p.Bytes+q.Bytes, p.Parts+q.Parts, p.Requests+q.Requests
	for name, n := range q.Given {
		p.give(name, n)
	}
}

func (p *Planned) give(name string, objects uint64) {
	if p.Given == nil {
		p.Given = map[string]uint64{}
	}
	p.Given[name] += objects
}

func (p *Planned) add(a *plan.Action) {
	p.Objects++
	p.Bytes += a.Size
	p.Parts += uint64(a.Count())
	p.Requests += uint64(a.Count())
	if a.Kind == plan.ActionMultipart {
		p.Requests += 2 // Create and Complete
	}
	if a.Size > putFirst {
		p.Requests++ // it is looked for first
	}
	for _, one := range target.AttributeTable {
		for _, c := range one.Checks {
			if c.Asked(&a.Attributes) {
				p.give(c.Name, 1)
			}
		}
	}
}

// ExitClass is the kind of end that a command tells by its exit code.
type ExitClass int

// The classes. ExitSkipped: all that the device holds is proven, and the loader
// itself had to leave entries out, or to keep an older version of them, which the
// manifest names.
const (
	ExitComplete ExitClass = iota
	ExitSkipped
	ExitIncomplete
	ExitFixable
	ExitInterrupted
	ExitRefused // the device contradicts itself, and is not to be used
)

func (c ExitClass) String() string {
	names := [...]string{"complete", "complete, with entries that the loader skipped or could not look at again", "incomplete", "fix and resume", "interrupted", "not to be used"}
	if c >= 0 && int(c) < len(names) {
		return names[c]
	}
	return fmt.Sprintf("exit class %d", int(c))
}

// ExitClass tells how the run ended. Only ExitComplete may be exit code 0.
func (r *Result) ExitClass() ExitClass {
	switch {
	case r.Halt != nil:
		return ExitFixable
	case r.Interrupted:
		return ExitInterrupted
	case r.Contradicts:
		return ExitRefused
	case r.DryRun && r.Tally.Bad() == 0 && len(r.Differences) == 0:
		return ExitComplete
	case r.Unfinished > 0:
		return ExitFixable
	case !r.Complete:
		return ExitIncomplete
	case r.Tally.Outcomes[entry.OutcomeSkipped] > 0, r.Tally.Remarks > 0:
		return ExitSkipped
	}
	return ExitComplete
}

// Problems tells how often this start has met each code until now: its marker and a late clean-up
// come after the Result.
func (r *Result) Problems() map[target.Code]uint64 {
	if r.run != nil {
		return r.run.met()
	}
	met := map[target.Code]uint64{}
	maps.Copy(met, r.Named)
	return met
}

// State is how an operator calls the end of a run that has returned err.
func (r *Result) State(err error) request.State {
	switch {
	case r.Halt != nil && r.Halt.Code == target.CodeTakenOver, target.HasCode(err, target.CodeTakenOver):
		return request.StateTaken
	case r.Halt != nil:
		return request.StateHalted
	case r.Interrupted || err != nil || r.Unfinished > 0:
		return request.StateStopped
	case r.Complete:
		return request.StateDone
	}
	return request.StateErrors
}

// reconcile compares scan, manifest and what was met, and names every difference.
// Where records are missing because pages were lost, the totals contradict nothing.
func (r *Result) reconcile(met manifest.Totals, totals manifest.Totals, lost bool) {
	r.Differences = contradictions(met, totals)
	r.Contradicts = len(r.Differences) > 0 && !lost
	entries := met.Files + met.Dirs + met.Symlinks + met.Hardlinks + met.Skipped
	if totals.ScanEntries != 0 && totals.ScanEntries != entries {
		r.Differences = append(r.Differences, fmt.Sprintf("entries: the scan found %d, the manifest holds %d", totals.ScanEntries, entries))
	}
}

// contradictions names what the signed totals say otherwise than the manifest's records.
func contradictions(met manifest.Totals, totals manifest.Totals) (differences []string) {
	compare := func(what string, a, b uint64) {
		if a != b {
			differences = append(differences, fmt.Sprintf("%s: the manifest's totals say %d, its records %d", what, a, b))
		}
	}
	compare("files", totals.Files, met.Files)
	compare("directories", totals.Dirs, met.Dirs)
	compare("symlinks", totals.Symlinks, met.Symlinks)
	compare("hard links", totals.Hardlinks, met.Hardlinks)
	compare("skipped", totals.Skipped, met.Skipped)
	compare("records", totals.Records, met.Records)
	compare("bytes", totals.Bytes, met.Bytes)
	return differences
}

// Progress is a moment of a run. Totals are 0 while they are not known. What
// earlier starts have done is in the numbers, and apart in Earlier….
type Progress struct {
	Entries        uint64        `json:"entries"`
	TotalEntries   uint64        `json:"total_entries"`
	Bytes          int64         `json:"bytes"`
	TotalBytes     int64         `json:"total_bytes"`
	Objects        uint64        `json:"objects"` // stored or found
	EarlierEntries uint64        `json:"earlier_entries"`
	EarlierBytes   int64         `json:"earlier_bytes"`
	Failed         uint64        `json:"failed"`
	Retries        int64         `json:"retries"`
	Throttled      int64         `json:"throttled"`
	Requests       int           `json:"requests"`        // that the target bears at once, as far as is known
	Limit          request.Limit `json:"limit,omitempty"` // what bounds them
	Elapsed        time.Duration `json:"elapsed_ns"`
	State          request.State `json:"-"`
	Halt           *request.Halt `json:"-"`
	Pace           Pace          `json:"-"`
	Opens          time.Time     `json:"opens,omitzero"` // when requests may begin again; zero within the run's hours
}

// progress gathers what Progress tells.
type progress struct {
	entries, objects, failed atomic.Uint64
	bytes                    atomic.Int64
	earlyEntries             atomic.Uint64
	earlyBytes               atomic.Int64
	totalEntries             uint64
	totalBytes               int64
	started                  time.Time
}

// early counts an entry of an earlier start. Its bytes are in the target already.
func (p *progress) early(e entry.Entry, rec record) {
	p.earlyEntries.Add(1)
	if rec.Outcome == entry.OutcomeStored || rec.Outcome == entry.OutcomeAlreadyThere {
		p.bytes.Add(e.Record.DataLength())
		p.earlyBytes.Add(e.Record.DataLength())
	}
}

// page counts a page of an earlier start.
func (p *progress) page(t entry.Tally) {
	p.entries.Add(t.Entries())
	p.objects.Add(t.Outcomes[entry.OutcomeStored] + t.Outcomes[entry.OutcomeAlreadyThere])
	p.earlyEntries.Add(t.Entries())
	p.bytes.Add(t.Bytes)
	p.earlyBytes.Add(t.Bytes)
}
