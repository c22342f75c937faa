package importreport

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/manifest"
)

// olderRun has n entries that are the last good version, with a hostile name and
// reason among them.
func olderRun(t *testing.T, n int) aRun {
	run := aRun{state: request.StateDone}
	for i := range n + 3 {
		l := line(entry.OutcomeStored, fmt.Sprintf("f%04d", i), 10)
		if i == n {
			l = line(entry.OutcomeAlreadyThere, "there\u202e<b>", 10)
		}
		if i > 1 {
			var err error
			l.Record, err = manifest.SetRemark(l.Record, "unreadable", "input/output error <script>")
			must(t, err)
		}
		run.lines = append(run.lines, l)
	}
	return run
}

// TestOlder: entries whose later look failed are counted and named in every form of
// the report, and are neither failed nor left out.
func TestOlder(t *testing.T) {
	folder := olderRun(t, MaxBad+5).folder(t)
	d := read(t, folder)
	const n = MaxBad + 6
	if len(d.Findings) > 0 || !d.Complete || d.Sum.Remarks != n || len(d.Older) != MaxBad || d.OlderMore != 6 || d.Sum.Bad() != 0 || d.Sections[2].Entries != 0 {
		t.Fatalf("findings %q, %d remarks, %d named, %d more", d.Findings, d.Sum.Remarks, len(d.Older), d.OlderMore)
	}
	if o := d.Older[0]; o.Path != "f0002" || o.Remark != "unreadable" || o.RemarkDetail != "input/output error <script>" || o.Outcome != entry.OutcomeStored {
		t.Errorf("first %+v", o)
	}
	if v := d.Verdict(); v.Kind != "warn" || !strings.Contains(v.Head, "older versions") || !strings.Contains(v.Text, "1,006 entries") {
		t.Errorf("verdict %+v", v)
	}
	r, err := New(d)
	must(t, err)
	if !r.Done || r.Total.Remarks != n {
		t.Errorf("done %v, %d remarks in all", r.Done, r.Total.Remarks)
	}
	var text, page, table bytes.Buffer
	r.Text(&text)
	for _, want := range []string{"older       1,006 entries", "f0002: unreadable: input/output error", "and 986 more"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("%q is not in the text:\n%s", want, &text)
		}
	}
	must(t, r.HTML(&page))
	for _, want := range []string{"Older versions", "f0002", "input/output error &lt;script&gt;", "the first of 1,006", "And 6 more"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	b, err := json.Marshal(r)
	must(t, err)
	if !bytes.Contains(b, []byte(`"remark":"unreadable"`)) || !bytes.Contains(b, []byte(`"remarks":1006`)) {
		t.Error("the JSON does not have them")
	}
	c, err := NewCSV(&table)
	must(t, err)
	must(t, Entries(t.Context(), bytes.NewReader(folder["receipts/objects.list"].Data), func(e *Entry) error { return c.Write(d, e) }))
	must(t, c.Flush())
	rows, err := csv.NewReader(&table).ReadAll()
	must(t, err)
	at := slices.Index(rows[0], "remark")
	for i, row := range rows[1:] {
		if (row[at] == "unreadable") != (i > 1) || (row[at+1] == "input/output error <script>") != (i > 1) {
			t.Fatalf("line %d: %q", i+2, row)
		}
	}
}

// TestNoOlder: without remarks nothing is said of them.
func TestNoOlder(t *testing.T) {
	d := read(t, aRun{state: request.StateDone, lines: []receipt.Line{line(entry.OutcomeStored, "a", 1)}}.folder(t))
	r, err := New(d)
	must(t, err)
	var out bytes.Buffer
	r.Text(&out)
	must(t, r.HTML(&out))
	if strings.Contains(out.String(), "lder version") || d.Verdict().Kind != "good" {
		t.Errorf("verdict %+v", d.Verdict())
	}
}
