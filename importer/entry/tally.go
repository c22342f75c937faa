package entry

import (
	"github.com/sledge-io/sledge/manifest"
)

// Tally counts entries. Continuation records are not entries.
type Tally struct {
	Outcomes map[Outcome]uint64 `json:"outcomes"`
	Proofs   map[Proof]uint64   `json:"proofs"`
	LeftOut  map[string]uint64  `json:"left_out"` // entries without an object, by kind
	Remarks  uint64             `json:"remarks"`  // entries whose record is the last good version, as a later look failed
	Bytes    int64              `json:"bytes"`    // of objects that are stored or already there
	Manifest manifest.Totals    `json:"manifest"`
}

func NewTally() Tally {
	return Tally{Outcomes: map[Outcome]uint64{}, Proofs: map[Proof]uint64{}, LeftOut: map[string]uint64{}}
}

// Add counts an entry with its outcome, and the size of what it became.
func (t *Tally) Add(e Entry, outcome Outcome, proof Proof, size int64) {
	t.Manifest.Count(e.Record, len(e.Raw))
	t.Outcomes[outcome]++
	if e.Record.Remark != "" {
		t.Remarks++
	}
	if outcome == OutcomeStored || outcome == OutcomeAlreadyThere {
		t.Proofs[proof]++
		t.Bytes += size
	}
	if outcome == OutcomeNoObject {
		t.LeftOut[e.Record.Kind.String()]++
	}
}

// Merge adds what another tally has counted.
func (t *Tally) Merge(u Tally) {
	for o, n := range u.Outcomes {
		t.Outcomes[o] += n
	}
	for p, n := range u.Proofs {
		t.Proofs[p] += n
	}
	for kind, n := range u.LeftOut {
		t.LeftOut[kind] += n
	}
	t.Bytes += u.Bytes
	t.Remarks += u.Remarks
	t.Manifest.Add(u.Manifest)
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
