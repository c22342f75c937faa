package importer

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/sledge-io/sledge/manifest"
)

// Outcome is what became of an entry (docs/format.md section 10).
type Outcome string

// The outcomes.
const (
	OutcomeStored       Outcome = "stored"
	OutcomeAlreadyThere Outcome = "already-there"
	OutcomeNoObject     Outcome = "no-object"
	OutcomeSkipped      Outcome = "skipped"
	OutcomeFailed       Outcome = "failed"
	OutcomeConflict     Outcome = "conflict"
)

// Tally counts entries. Continuation records are not entries.
type Tally struct {
	Outcomes map[Outcome]uint64 `json:"outcomes"`
	Proofs   map[Proof]uint64   `json:"proofs"`
	Bytes    int64              `json:"bytes"` // of objects that are stored or already there
	Manifest manifest.Totals    `json:"manifest"`
}

func newTally() Tally {
	return Tally{Outcomes: map[Outcome]uint64{}, Proofs: map[Proof]uint64{}}
}

func (t *Tally) add(e Entry, r record, size int64) {
	t.Manifest.Count(e.Record, len(e.Raw))
	t.Outcomes[r.Outcome]++
	if r.Outcome == OutcomeStored || r.Outcome == OutcomeAlreadyThere {
		t.Proofs[r.Proof]++
		t.Bytes += size
	}
}

// Entries is the number of entries counted.
func (t Tally) Entries() (n uint64) {
	for _, c := range t.Outcomes {
		n += c
	}
	return n
}

// Bad is the number of entries that should be in the target and are not.
func (t Tally) Bad() uint64 { return t.Outcomes[OutcomeFailed] + t.Outcomes[OutcomeConflict] }

// Result is what a run has come to.
type Result struct {
	RunID       string
	Attempt     int
	DryRun      bool
	Started     time.Time // the first start
	Finished    time.Time
	Earlier     bool // the run had ended before this start, which asked the target nothing
	Tally       Tally
	Unfinished  uint64   // entries that were met and have no outcome yet
	Differences []string // source scan, manifest and target do not agree; each named
	LeftUploads uint64   // multipart uploads that may have been left behind
	Retries     int64
	PartsKept   int64 // parts of an earlier start that were not sent again
	Probe       ProbeReport
	Halt        *Error // why the run stopped for the operator
	Interrupted bool
	Complete    bool   // every entry has an outcome and is proven, and all numbers agree
	Receipts    string // folder in StateDir, "" if not written
	Checkpoint  []byte // of the receipts
}

// ExitClass is the kind of end that a command tells by its exit code.
type ExitClass int

// The classes. ExitSkipped: all that the device holds is proven, and the loader
// itself had to leave entries out, which the manifest names.
const (
	ExitComplete ExitClass = iota
	ExitSkipped
	ExitIncomplete
	ExitFixable
	ExitInterrupted
)

func (c ExitClass) String() string {
	names := [...]string{"complete", "complete, with entries that the loader skipped", "incomplete", "fix and resume", "interrupted"}
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
	case r.DryRun && r.Tally.Bad() == 0 && len(r.Differences) == 0:
		return ExitComplete
	case r.Unfinished > 0:
		return ExitFixable
	case !r.Complete:
		return ExitIncomplete
	case r.Tally.Outcomes[OutcomeSkipped] > 0:
		return ExitSkipped
	}
	return ExitComplete
}

// reconcile compares scan, manifest and what was met, and names every difference.
func reconcile(met manifest.Totals, totals manifest.Totals) (differences []string) {
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
	entries := met.Files + met.Dirs + met.Symlinks + met.Hardlinks + met.Skipped
	if totals.ScanEntries != 0 && totals.ScanEntries != entries {
		differences = append(differences, fmt.Sprintf("entries: the scan found %d, the manifest holds %d", totals.ScanEntries, entries))
	}
	return differences
}

// Progress is a moment of a run. Totals are 0 while they are not known.
type Progress struct {
	Entries, TotalEntries uint64
	Bytes, TotalBytes     int64
	Objects               uint64 // stored or found
	Retries               int64
	Failed                uint64
	Requests              int // that the target bears at once, as far as is known
	Elapsed               time.Duration
}

// progress gathers what Progress tells.
type progress struct {
	entries, objects, failed atomic.Uint64
	bytes                    atomic.Int64
	totalEntries             uint64
	totalBytes               int64
	started                  time.Time
}
