package importreport

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
)

// shownBad is how many failed objects the text names; the other forms name more.
const shownBad = 20

// Text writes the report for a terminal. Names are escaped.
func (r *Report) Text(w io.Writer) {
	fmt.Fprintf(w, "job         %s\n", r.Job)
	if len(r.Devices) > 1 {
		v := r.Verdict()
		fmt.Fprintf(w, "verdict     %s\n            %s\nentries     %s, %s, %s\n", v.Head, v.Text, Count(r.Total.Entries), plural(r.Total.Objects, "object", "objects"), Bytes(r.Total.Bytes))
	}
	for _, d := range r.Devices {
		if len(r.Devices) > 1 {
			fmt.Fprintln(w)
		}
		d.text(w)
	}
}

func (d *Device) text(w io.Writer) {
	v := d.Verdict()
	fmt.Fprintf(w, "device      %s, run %s\nverdict     %s\n            %s\n", d.Device, visible(d.Run), visible(v.Head), v.Text)
	fmt.Fprintf(w, "target      %s\n", visible(d.Target))
	fmt.Fprintf(w, "began       %s\n", Moment(d.Began))
	if d.Final {
		fmt.Fprintf(w, "ended       %s\n", Moment(d.Ended))
	}
	for _, t := range d.Times {
		fmt.Fprintf(w, "  %-20s %s\n", t.State, Duration(seconds(t.Seconds)))
	}
	for _, l := range d.Limits {
		if l.Seconds < limitTold {
			continue
		}
		fmt.Fprintf(w, "limit       %s, %s\n", l.Words, Duration(seconds(l.Seconds)))
	}
	if h := d.Halt; h != nil {
		fmt.Fprintf(w, "halted      %s: %s\n            %s\n", h.Code, visible(h.Cause), visible(h.Remedy))
	}
	fmt.Fprintf(w, "entries     %s, %s, %s\n", d.progress(), plural(d.Sum.Objects, "object", "objects"), Bytes(d.Sum.Bytes))
	d.textSections(w)
	for _, proof := range slices.Sorted(maps.Keys(d.Sum.Proofs)) {
		fmt.Fprintf(w, "proof       %s: %s\n", visible(string(proof)), Count(d.Sum.Proofs[proof]))
	}
	for _, c := range d.Met {
		fmt.Fprintf(w, "met         %s: %s\n", visible(string(c.Code)), plural(c.Count, "time", "times"))
	}
	for _, list := range []struct {
		name  string
		lines []string
	}{{"difference", d.Differences}, {"finding", d.Findings}, {"note", d.Notes}} {
		for _, line := range list.lines {
			fmt.Fprintf(w, "%-11s %s\n", list.name, visible(line))
		}
	}
	d.textOlder(w)
	d.textBad(w)
	d.textSigned(w)
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// progress is the number of entries, and of how many while that is not all.
func (d *Device) progress() string {
	if !d.Final && d.Sum.Of > 0 {
		return fmt.Sprintf("%s of %s", Count(d.Sum.Entries), Count(d.Sum.Of))
	}
	return Count(d.Sum.Entries)
}

func (d *Device) textSections(w io.Writer) {
	for _, s := range d.Sections {
		bytes := ""
		if s.Bytes != nil && *s.Bytes > 0 {
			bytes = ", " + Bytes(*s.Bytes)
		}
		fmt.Fprintf(w, "%-11s %s%s\n", shortName(s.Name), plural(s.Entries, "entry", "entries"), bytes)
		if len(s.Outcomes) > 1 && s.Entries > 0 {
			for _, o := range s.Outcomes {
				fmt.Fprintf(w, "  %-13s %s\n", o.Outcome, Count(o.Entries))
			}
		}
		for _, c := range s.Codes {
			fmt.Fprintf(w, "  %s: %s (%s)\n    %s\n    %s\n", Count(c.Count), visible(string(c.Code)), c.Class, c.Meaning, c.Remedy)
		}
	}
}

func shortName(section string) string {
	if section == "Already there" {
		return "there"
	}
	return map[string]string{"Transferred": "transferred", "Left out": "left out", "Failed": "failed"}[section]
}

// textOlder names the entries whose last good version is in the target.
func (d *Device) textOlder(w io.Writer) {
	if d.Sum.Remarks == 0 {
		return
	}
	fmt.Fprintf(w, "older       %s: a later look at the source failed, the last good version is kept\n", plural(d.Sum.Remarks, "entry", "entries"))
	for i, o := range d.Older {
		if i == shownBad {
			break
		}
		fmt.Fprintf(w, "  %s: %s\n", visible(o.Path), visible(o.Why()))
	}
	if more := d.Sum.Remarks - uint64(min(len(d.Older), shownBad)); d.Final && more > 0 {
		fmt.Fprintf(w, "  … and %s more: see --html, or --csv\n", Count(more))
	}
}

// Why is the loader's remark in one text.
func (o Object) Why() string {
	if o.RemarkDetail == "" {
		return o.Remark
	}
	return o.Remark + ": " + o.RemarkDetail
}

func (d *Device) textBad(w io.Writer) {
	for i, o := range d.Bad {
		if i == shownBad {
			break
		}
		what := "failed"
		if o.Outcome == entry.OutcomeConflict {
			what = "conflict"
		}
		fmt.Fprintf(w, "%-11s %s: %s: %s\n", what, visible(o.Name()), visible(string(o.Code)), visible(o.Cause))
	}
	if more := d.Sum.Bad() - uint64(min(len(d.Bad), shownBad)); d.Final && more > 0 {
		fmt.Fprintf(w, "  … and %s more: see --html, or --csv with --only failed,conflict\n", Count(more))
	}
}

func (d *Device) textSigned(w io.Writer) {
	s := d.Signed
	switch {
	case s == nil && d.resumed:
		fmt.Fprintln(w, "signed      nothing of this attempt yet")
		return
	case s == nil:
		fmt.Fprintln(w, "signed      nothing yet")
		return
	}
	judged := "its signature was not checked here (--importer)"
	if s.Verified {
		judged = "signature checked"
	}
	fits := "objects.list is what it signs"
	if !s.ListFits {
		fits = "objects.list is NOT what it signs"
	}
	fmt.Fprintf(w, "signed      checkpoint of %s, root %s\n            %s; %s\n", plural(s.Size, "line", "lines"), visible(s.Root), judged, fits)
	for _, key := range s.Keys {
		fmt.Fprintf(w, "importer    %s\n", visible(key))
	}
}
