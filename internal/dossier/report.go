package dossier

import (
	"fmt"
	"io"
	"time"

	"github.com/sledge-io/sledge/internal/terminal"
)

// Result is how a check ended.
type Result string

const (
	Pass        Result = "pass"
	Fail        Result = "fail"
	NotPossible Result = "not possible"
)

// Verdict is a report's answer in one word.
type Verdict string

const (
	Passed  Verdict = "pass"
	Failed  Verdict = "fail"
	InPart  Verdict = "in part" // nothing failed, and something could not be checked
	Nothing Verdict = "nothing checked"
)

// Check is one question that was asked of the folder.
type Check struct {
	ID      string  `json:"id"`
	Subject string  `json:"subject"` // name in the folder
	Rule    string  `json:"rule"`    // section of docs/format.md
	Asks    string  `json:"asks"`
	Inputs  []Input `json:"inputs"`
	Result  Result  `json:"result"`
	Why     string  `json:"why"`              // what was found, or why nothing could be
	Detail  any     `json:"detail,omitempty"` // the verifier's own report
}

// Trusted is whose signatures counted.
type Trusted struct {
	Given string `json:"given"` // the fingerprint; "" is nobody
	Why   string `json:"why"`
}

// Report is an audit of a folder.
type Report struct {
	Folder     string    `json:"folder"`
	Began      time.Time `json:"began"`
	Ended      time.Time `json:"ended"`
	Trust      Trusted   `json:"trust"`
	Verdict    Verdict   `json:"verdict"`
	Checks     []Check   `json:"checks"`
	NotChecked []string  `json:"not_checked"`
	Keys       []Key     `json:"keys"` // public keys that lie in the folder
	Secrets    []string  `json:"secrets"`
	Unreadable []string  `json:"unreadable"`
	Others     []string  `json:"others"`
	OtherCount int       `json:"other_count"`
	Cut        bool      `json:"cut"` // the folder has more names than were looked at
}

// Key is a public key that lies in the folder. That says nothing of whose it is.
type Key struct {
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
}

// Count is how many checks ended so.
func (r *Report) Count(result Result) (n int) {
	for i := range r.Checks {
		if r.Checks[i].Result == result {
			n++
		}
	}
	return n
}

// Judge sets the verdict by the checks.
func (r *Report) Judge() {
	switch {
	case r.Count(Fail) > 0:
		r.Verdict = Failed
	case len(r.Checks) == 0:
		r.Verdict = Nothing
	case r.Count(NotPossible) > 0 || len(r.Unreadable) > 0 || r.Cut:
		r.Verdict = InPart
	default:
		r.Verdict = Passed
	}
}

// Headline is the verdict as a sentence.
func (r *Report) Headline() string {
	switch r.Verdict {
	case Passed:
		return fmt.Sprintf("Pass: %s, none failed.", terminal.Plural(len(r.Checks), "check"))
	case Failed:
		return fmt.Sprintf("Fail: %d of %s failed.", r.Count(Fail), terminal.Plural(len(r.Checks), "check"))
	case InPart:
		if r.Cut {
			return fmt.Sprintf("In part: %s passed, none failed, and not all of the folder was looked at.", terminal.Plural(r.Count(Pass), "check"))
		}
		return fmt.Sprintf("In part: %s passed, none failed, and %s could not be made.", terminal.Plural(r.Count(Pass), "check"), terminal.Plural(r.Count(NotPossible)+len(r.Unreadable), "check"))
	}
	return "Nothing was checked."
}

// Print tells it as text.
func (r *Report) Print(w io.Writer) {
	fmt.Fprintf(w, "verdict     %s\ntrusted     %s\n", r.Headline(), r.TrustLine())
	for _, c := range r.Checks {
		fmt.Fprintf(w, "%-11s %s %s: %s\n", c.Result, c.ID, terminal.ShownName(c.Subject), terminal.Shown(c.Why))
	}
	for _, name := range r.Secrets {
		fmt.Fprintf(w, "secret      %s: a secret key lies here; whoever has it can sign or decrypt\n", terminal.ShownName(name))
	}
	for _, line := range r.Unreadable {
		fmt.Fprintf(w, "unreadable  %s\n", terminal.Shown(line))
	}
	fmt.Fprintln(w, "not checked:")
	for _, line := range r.NotChecked {
		fmt.Fprintf(w, "  %s\n", terminal.Shown(line))
	}
}

// TrustLine says who is trusted, and why.
func (r *Report) TrustLine() string {
	if r.Trust.Given == "" {
		return "nobody: " + r.Trust.Why
	}
	return r.Trust.Given + ": " + r.Trust.Why
}
