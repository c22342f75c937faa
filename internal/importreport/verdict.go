package importreport

import (
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/importer/entry"
)

// Verdict is the one sentence that a reader takes with him.
type Verdict struct {
	Kind string `json:"kind"` // good, warn, bad, open
	Head string `json:"head"`
	Text string `json:"text"`
}

// Verdict says how the run stands.
func (d *Device) Verdict() Verdict {
	skipped := d.Sum.Outcomes[entry.OutcomeSkipped]
	switch {
	case len(d.Findings) > 0:
		return Verdict{"bad", "Not to be relied on", "The files of this run do not fit together; see the findings."}
	case d.Canceled != nil:
		return d.canceled()
	case !d.Final:
		return d.open()
	case d.Halt != nil:
		return d.changed()
	case !d.Complete:
		return Verdict{"bad", "Completed with errors", d.missing()}
	case skipped > 0 || d.Sum.Remarks > 0:
		return d.loaded(skipped)
	}
	return Verdict{"good", "Completed", fmt.Sprintf("All %s have an outcome, and every object is in the target and proven.", plural(d.Sum.Entries, "entry", "entries"))}
}

// loaded is the verdict where the loader could not take all of the source.
func (d *Device) loaded(skipped uint64) Verdict {
	v := Verdict{"warn", "Completed; entries were left out at the source", "Everything that the device holds is in the target and proven."}
	if skipped > 0 {
		v.Text += fmt.Sprintf(" %s had to be skipped when the device was loaded.", plural(skipped, "entry", "entries"))
	} else {
		v.Head = "Completed; some entries are older versions"
	}
	if d.Sum.Remarks > 0 {
		v.Text += fmt.Sprintf(" Of %s the last good version is there: a later look at the source failed.", plural(d.Sum.Remarks, "entry", "entries"))
	}
	return v
}

// canceled is the verdict of a run that was given up. What it had proven may be deleted by now.
func (d *Device) canceled() Verdict {
	text := "The run was given up"
	if !d.Canceled.At.IsZero() {
		text += " at " + Moment(d.Canceled.At)
	}
	text += ": nothing of it counts as imported. canceled.jsonl names what cancel left in the target and what it deleted."
	if d.Final {
		text += " The receipts are from before."
	}
	return Verdict{"bad", "Canceled", text}
}

// missing says what a run that has ended did not bring.
func (d *Device) missing() string {
	var parts []string
	if n := d.Sum.Outcomes[entry.OutcomeFailed]; n > 0 {
		parts = append(parts, fmt.Sprintf("%s failed", plural(n, "entry", "entries")))
	}
	if n := d.Sum.Outcomes[entry.OutcomeConflict]; n > 0 {
		parts = append(parts, fmt.Sprintf("%s in conflict with what was in the target", plural(n, "entry is", "entries are")))
	}
	if n := len(d.Differences); n > 0 {
		parts = append(parts, fmt.Sprintf("%s between scan, manifest and target", plural(n, "difference", "differences")))
	}
	if len(parts) == 0 {
		return "The receipts do not say that everything is proven."
	}
	return strings.Join(parts, "; ") + ". The other entries are done."
}

// Verdict of the job: that of its only device, or the sum of several.
func (r *Report) Verdict() Verdict {
	if len(r.Devices) == 1 {
		return r.Devices[0].Verdict()
	}
	order := []string{"good", "warn", "open", "bad"}
	worst, n, of, head := 0, 0, 0, "Completed"
	for _, d := range r.Devices {
		if d.Earlier {
			continue
		}
		of++
		v := d.Verdict()
		for i, kind := range order {
			if v.Kind == kind && i > worst {
				worst, head = i, v.Head
			}
		}
		if v.Kind == "good" || v.Kind == "warn" && d.Final {
			n++
		}
	}
	text := fmt.Sprintf("%d of the %s in this report are completed with every object proven; the job may have more.", n, plural(of, "device", "devices"))
	if r.Inconsistent() {
		return Verdict{"bad", "Not to be relied on", "The files of a run do not fit together. " + text}
	}
	if !r.Final {
		return Verdict{order[worst], "Not final", text + " At least one run has no receipts yet."}
	}
	return Verdict{order[worst], head, text}
}
