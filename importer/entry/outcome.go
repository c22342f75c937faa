package entry

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
