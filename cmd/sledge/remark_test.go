package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/manifest"
)

// TestListRemark: an older version is marked where people read, told with its reason
// by -l and in JSON, and never mixed into paths that a program reads.
func TestListRemark(t *testing.T) {
	r := &manifest.Record{Kind: manifest.KindDir, Path: "d", Mode: 0o755, Remark: "unreadable", RemarkDetail: "input/output\nerror"}
	for _, test := range []struct {
		tty, json, long, zero bool
		want                  string
	}{
		{want: "d/\n"},
		{zero: true, want: "d/\x00"},
		{tty: true, want: "d/ (older version)\n"},
		{long: true, want: "d/ (older version: unreadable: input/output\\nerror)\n"},
	} {
		var out bytes.Buffer
		a := &app{outTTY: test.tty, json: test.json}
		if err := a.listEntry(&out, r, test.long, test.zero); err != nil || !strings.HasSuffix(out.String(), test.want) {
			t.Errorf("%+v: %q, %v", test, &out, err)
		}
	}
	var out bytes.Buffer
	if err := (&app{json: true}).listEntry(&out, r, false, false); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got["remark"] != "unreadable" || !strings.Contains(got["remark_detail"].(string), "error") {
		t.Errorf("%s, %v", &out, err)
	}
	out.Reset()
	(&listReport{Entries: 3, Remarks: 2, Skipped: 1, long: true}).Print(&out)
	if text := out.String(); !strings.Contains(text, "older       2 of them") || !strings.Contains(text, "skipped     1 of them") {
		t.Error(text)
	}
}

// TestImportEndRemarks: all is proven, and still nobody is told that all is well.
func TestImportEndRemarks(t *testing.T) {
	for _, test := range []struct {
		skipped, remarks uint64
		want             []string
	}{
		{0, 0, nil},
		{1, 0, []string{"1 of 3 entries", "could not be read"}},
		{0, 2, []string{"2 of 3 entries", "last good version"}},
		{1, 2, []string{"1 of 3 entries", "could not be read", "2 of 3 entries", "last good version"}},
	} {
		r := &importer.Result{Complete: true}
		r.Tally.Outcomes = map[entry.Outcome]uint64{entry.OutcomeStored: 3 - test.skipped, entry.OutcomeSkipped: test.skipped}
		r.Tally.Remarks = test.remarks
		err := importEnd(r, nil)
		code, hints := diagnose(err)
		if want := map[bool]int{true: 0, false: exitSource}[err == nil]; code != want || (err == nil) != (test.want == nil) {
			t.Errorf("%+v: %v, exit %d", test, err, code)
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %q lacks %q", test, err, want)
			}
		}
		if err != nil && (strings.Contains(err.Error(), "\n") || len(hints) == 0) {
			t.Errorf("%+v: %q, hints %q", test, err, hints)
		}
		d := &endedImport{end: err, result: &importer.Result{Receipts: "receipts"}}
		if !d.whole() {
			t.Errorf("%+v: not whole, so it is not committed", test)
		}
	}
}

// TestProofRemark: the proof of one file says that a later look failed.
func TestProofRemark(t *testing.T) {
	var out bytes.Buffer
	r := &keyless.ProofReport{ProofReport: &fsck.ProofReport{Record: fsck.Record{Kind: fsck.KindFile, Path: []byte("f"), Remark: "changed", Details: "while it was read"}}, Content: "same"}
	r.Print(&out)
	if !strings.Contains(out.String(), "older       changed: while it was read\n") {
		t.Error(out.String())
	}
}

// TestExtractReportText names what was not restored, and that the contents are right.
func TestExtractReportText(t *testing.T) {
	var out bytes.Buffer
	r := &extractReport{&extract.Report{Entries: 5, Bytes: 9, Existing: 2, AttributesLost: 1, Remarks: 3, Attributes: []string{`"f": owner: not permitted`}, Warnings: []string{"times are coarse"}}, "back"}
	r.Print(&out)
	for _, want := range []string{"extracted   5 entries, 9 B, to back", "existing    2 of them", "attributes  1 attribute could not be restored; the contents are right", "older       3", `"f": owner: not permitted`, "times are coarse"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	if err := extractEnd(r.Report, nil); err != nil {
		t.Errorf("attributes alone are no failure: %v", err)
	}
	if err := extractEnd(&extract.Report{Skipped: 1}, nil); !errors.Is(err, errSkipped) {
		t.Errorf("skipped: %v", err)
	}
}
