package custody

import (
	"encoding/json"
	"fmt"
	"time"
)

// Class is what a finding is about; scripts go by it.
type Class string

// The classes of findings, worst first.
const (
	Tampered     Class = "tampered"      // removed, changed, reordered, or signed by nobody who may
	Forked       Class = "forked"        // two histories
	RolledBack   Class = "rolled-back"   // entries are missing at the end
	NotCustodian Class = "not-custodian" // a former custodian wrote on
	Differs      Class = "differs"       // label, manifest or job file say something else
	Gap          Class = "gap"           // nobody signed for the device in between
	Alone        Class = "alone"         // no independent checkpoint was given
	Exceptional  Class = "exception"     // an event that says itself that something was wrong
	ClockOdd     Class = "clock"         // times do not fit; the log's order holds
	Note         Class = "note"
)

// Refuses tells whether a log with such a finding must not be believed.
func (c Class) Refuses() bool {
	switch c {
	case Tampered, Forked, RolledBack, NotCustodian, Differs:
		return true
	}
	return false
}

// Finding is one fact.
type Finding struct {
	Class Class  `json:"class"`
	Text  string `json:"text"`
	Rule  string `json:"rule"` // section of format.md
}

// Event is an entry as a verifier reads it. Kinds and details that it does not know are kept.
type Event struct {
	Index     uint64                     `json:"index"`
	Kind      string                     `json:"event"`
	Time      time.Time                  `json:"time"`
	Clock     string                     `json:"clock"`
	Role      string                     `json:"role"` // of the key that signed, by the job file
	Name      string                     `json:"name"`
	Org       string                     `json:"organisation"`
	KeyID     string                     `json:"key_id"`
	Place     string                     `json:"place,omitempty"`
	Purpose   string                     `json:"purpose"`
	Condition string                     `json:"condition"`
	Note      string                     `json:"note"`
	Details   map[string]json.RawMessage `json:"details"`
}

// Holder is a time of possession, from one entry to another.
type Holder struct {
	Name  string  `json:"name"`
	KeyID string  `json:"key_id"`
	From  uint64  `json:"from"` // first entry that the holder's checkpoints sign
	To    *uint64 `json:"to,omitempty"`
}

// Report is what was found.
type Report struct {
	Origin      string    `json:"origin"`
	Job         string    `json:"job"`
	Device      string    `json:"device"`
	Generation  uint64    `json:"generation"`
	JobSerial   uint64    `json:"job_serial"` // of the job file that says who may sign
	Size        uint64    `json:"size"`
	Root        string    `json:"root"`
	Trusted     bool      `json:"origin_proven"`
	Independent int       `json:"independent_checkpoints"`
	Confirmed   uint64    `json:"confirmed_size"` // largest independent one: nothing before it was cut off
	LabelFits   bool      `json:"label_checked"`
	Holders     []Holder  `json:"custodians"`
	Open        bool      `json:"not_countersigned"` // handed over to nobody with a key: any custodian of the job may go on
	Events      []Event   `json:"events"`
	Findings    []Finding `json:"findings"`
}

// Has tells whether there is a finding of a class.
func (r *Report) Has(c Class) bool {
	for _, f := range r.Findings {
		if f.Class == c {
			return true
		}
	}
	return false
}

// Refused is the first finding that forbids to believe the log, or nil.
func (r *Report) Refused() *Finding {
	for i, f := range r.Findings {
		if f.Class.Refuses() {
			return &r.Findings[i]
		}
	}
	return nil
}

func (r *Report) find(c Class, rule, format string, args ...any) {
	r.Findings = append(r.Findings, Finding{c, fmt.Sprintf(format, args...), rule})
}
