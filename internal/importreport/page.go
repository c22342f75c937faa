package importreport

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"github.com/sledge-io/sledge/importer/entry"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// page is what the template is filled with. Everything that is not the project's
// own text goes through html/template's escaping, and names through pieces before.
type page struct {
	*Report
	Policy  string // the page may load, run and send nothing
	Style   template.CSS
	Verdict Verdict
	Views   []*view
	Charts  *view // of the whole job, where it has several devices
}

// view is one device with its charts.
type view struct {
	*Device
	ID        string
	Verdict   Verdict
	Outcomes  *Stack
	Proofs    *Stack
	Bytes     *Curve
	Entries   *Curve
	Requests  *Curve
	Histogram []HistogramRow
}

// HTML writes the report as one page that needs nothing but itself: no script, no
// font, no picture, no network.
func (r *Report) HTML(w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"pieces": pieces, "bytes": Bytes, "count": Count[uint64], "number": Count[int64], "moment": Moment,
		"length":    func(s float64) string { return Duration(seconds(s)) },
		"seconds":   func(s int64) float64 { return float64(s) },
		"until":     func(b Band) string { return Duration(b.To.Sub(b.From)) },
		"size":      sizeOf,
		"perSecond": perSecond, "bytesPerSecond": bytesPerSecond,
		"percent": func(v float64) string { return fmt.Sprintf("%.0f %%", 100*v) },
		"plural":  func(n int, one, many string) string { return plural(n, one, many) },
		"text":    func(v any) string { return fmt.Sprint(v) },
	}).Parse(pageText)
	if err != nil {
		return err
	}
	return t.Execute(w, r.page())
}

// sizeOf is "" where there is nothing to tell.
func sizeOf(n *int64) string {
	if n == nil || *n == 0 {
		return ""
	}
	return Bytes(*n)
}

func (r *Report) page() *page {
	hash := sha256.Sum256([]byte(pageStyle))
	p := &page{Report: r, Style: template.CSS(pageStyle), Verdict: r.Verdict(),
		Policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; base-uri 'none'; form-action 'none'"}
	for i, d := range r.Devices {
		p.Views = append(p.Views, d.view(fmt.Sprintf("device-%d", i+1)))
	}
	if len(r.Devices) > 1 {
		p.Charts = (&Device{Sum: r.Total}).view("job")
	}
	return p
}

func (d *Device) view(id string) *view {
	v := &view{Device: d, ID: id, Verdict: d.Verdict(), Histogram: d.histogram(),
		Outcomes: stack(id+"-outcomes", "Entries by outcome", d.outcomeShares()),
		Proofs:   stack(id+"-proofs", "Objects by proof", d.proofShares()),
		Bytes:    d.curve(id+"-bytes", "Bytes per second", func(r Rate) float64 { return r.Bytes }, bytesScale, bytesPerSecond),
		Entries:  d.curve(id+"-entries", "Entries per second", func(r Rate) float64 { return r.Entries }, countScale, perSecond),
	}
	if len(d.Limits) > 0 { // else an older version has run it, which has told none
		v.Requests = d.curve(id+"-requests", "Requests at once", func(r Rate) float64 { return r.Requests }, countScale, func(v float64) string { return fmt.Sprintf("%.0f", v) })
	}
	return v
}

// outcomeNames are for people; the codes stand in CSV and JSON.
var outcomeNames = map[entry.Outcome]string{
	entry.OutcomeStored: "stored", entry.OutcomeAlreadyThere: "already there", entry.OutcomeSkipped: "skipped at the source",
	entry.OutcomeNoObject: "no object by rule", entry.OutcomeFailed: "failed", entry.OutcomeConflict: "conflict",
}

func (d *Device) outcomeShares() (rows []Share) {
	bytes := map[entry.Outcome]*int64{}
	for _, s := range d.Sections {
		for _, o := range s.Outcomes {
			bytes[o.Outcome] = o.Bytes
		}
	}
	for _, o := range Outcomes() {
		rows = append(rows, Share{Class: string(o), Name: outcomeNames[o], Count: d.Sum.Outcomes[o], Bytes: bytes[o]})
	}
	if !d.Final && d.Sum.Of > d.Sum.Entries {
		rows = append(rows, Share{Class: "open", Name: "without an outcome yet", Count: d.Sum.Of - d.Sum.Entries})
	}
	return rows
}

// proofShares is strongest first.
func (d *Device) proofShares() (rows []Share) {
	known := uint64(0)
	for i, p := range []entry.Proof{entry.ProofReadBack, entry.ProofSHA256, entry.ProofCRC} {
		rows = append(rows, Share{Class: fmt.Sprintf("proof-%d", i+1), Name: string(p), Count: d.Sum.Proofs[p]})
		known += d.Sum.Proofs[p]
	}
	others := uint64(0)
	for _, n := range d.Sum.Proofs {
		others += n
	}
	if others > known {
		rows = append(rows, Share{Class: "failed", Name: "another proof or none", Count: others - known})
	}
	return rows
}
