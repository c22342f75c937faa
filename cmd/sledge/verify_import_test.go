package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/fsck"
)

// TestDifferencesShown: people see a bounded list, with the true number.
func TestDifferencesShown(t *testing.T) {
	for n, want := range map[int]string{20: "", 21: "… and 1 more", maxDifferences: "… and 29980 more"} {
		r := &verifyImportReport{By: "head", Devices: []*auditedDevice{{ReceiptReport: &fsck.ReceiptReport{Manifest: &fsck.Report{}}}},
			Store: &importer.VerifyReport{Missing: uint64(n), Differences: uint64(n)}, found: uint64(n)}
		if n == maxDifferences {
			r.found = 3 * maxDifferences // more than are kept
		}
		for i := range n {
			r.Differences = append(r.Differences, fmt.Sprintf("difference %d", i))
		}
		var out bytes.Buffer
		r.Print(&out)
		if got := strings.Count(out.String(), "difference "); got != shownDifferences {
			t.Errorf("%d differences: %d shown", n, got)
		}
		if strings.Contains(out.String(), "more") != (want != "") || !strings.Contains(out.String(), want) {
			t.Errorf("%d differences: no %q in\n%s", n, want, &out)
		}
	}
}

// clean is a device whose receipts hold.
func clean() *auditedDevice {
	return &auditedDevice{ReceiptReport: &fsck.ReceiptReport{Verdict: fsck.VerdictClean, Complete: true,
		Manifest: &fsck.Report{Origin: fsck.OriginProven}, Outcomes: map[string]int64{"stored": 1}}}
}

func canceled() *auditedDevice {
	d := clean()
	d.Canceled = &importer.CancelMark{Run: "run-1"}
	return d
}

func TestVerifyImportEnd(t *testing.T) {
	receipts := func(change func(r *fsck.ReceiptReport)) *verifyImportReport {
		bad := clean()
		change(bad.ReceiptReport)
		return &verifyImportReport{By: "head", Devices: []*auditedDevice{clean(), bad}}
	}
	store := func(s importer.VerifyReport, l *importer.ListingReport) *verifyImportReport {
		return &verifyImportReport{By: "head", Devices: []*auditedDevice{clean()}, Store: &s, Listing: l}
	}
	tests := []struct {
		name string
		r    *verifyImportReport
		code int
	}{
		{"all well", store(importer.VerifyReport{Same: 1}, nil), exitDone},
		{"a conflict", receipts(func(r *fsck.ReceiptReport) { r.Verdict, r.Outcomes = fsck.VerdictLost, map[string]int64{"conflict": 1} }), exitObjects},
		{"lost disks", receipts(func(r *fsck.ReceiptReport) { r.Verdict, r.Manifest.Verdict = fsck.VerdictLost, fsck.VerdictLost }), exitLost},
		{"refused", receipts(func(r *fsck.ReceiptReport) { r.Verdict = fsck.VerdictRefused }), exitRefused},
		{"no trust", receipts(func(r *fsck.ReceiptReport) { r.Manifest.Origin = fsck.OriginUnproven }), exitUnproven},
		{"skipped", receipts(func(r *fsck.ReceiptReport) { r.Outcomes = map[string]int64{"skipped": 1} }), exitSource},
		{"no disks", &verifyImportReport{Devices: []*auditedDevice{{}}}, exitUnproven},
		{"no disks and missing", &verifyImportReport{Devices: []*auditedDevice{{}}, Store: &importer.VerifyReport{Missing: 1}}, exitObjects},
		{"canceled", &verifyImportReport{Devices: []*auditedDevice{canceled()}}, exitObjects},
		{"canceled, all there", &verifyImportReport{By: "head", Devices: []*auditedDevice{canceled()}, Store: &importer.VerifyReport{Same: 1}}, exitObjects},
		{"missing", store(importer.VerifyReport{Missing: 1}, &importer.ListingReport{Extra: 1}), exitObjects},
		{"different", store(importer.VerifyReport{Different: 1}, nil), exitObjects},
		{"no answer", store(importer.VerifyReport{NotCompared: 1}, nil), exitTarget},
		{"extras", store(importer.VerifyReport{Same: 1}, &importer.ListingReport{Same: 1, Extra: 1, Ours: 1}), exitExtras},
		{"ours", store(importer.VerifyReport{Same: 1}, &importer.ListingReport{Same: 1, Ours: 1}), exitDone},
		{"listing not compared", store(importer.VerifyReport{Same: 1}, &importer.ListingReport{NotCompared: 1}), exitObjects},
	}
	job := func(devices ...string) *auditedDevice {
		d := clean()
		d.Manifest.Device, d.JobDevices = devices[0], devices
		return d
	}
	tests = append(tests, []struct {
		name string
		r    *verifyImportReport
		code int
	}{
		{"one device of two", &verifyImportReport{Devices: []*auditedDevice{job("a", "b")}}, exitDone},
		{"both devices", &verifyImportReport{Devices: []*auditedDevice{job("a", "b"), job("b", "a")}}, exitDone},
		{"two devices of three", &verifyImportReport{Devices: []*auditedDevice{job("a", "b", "c"), job("b", "a", "c")}}, exitObjects},
	}...)
	for _, test := range tests {
		test.r.sum()
		code, hints := diagnose(test.r.end())
		if code != test.code || code != exitDone && len(hints) == 0 {
			t.Errorf("%s: exit code %d, want %d; hints %q", test.name, code, test.code, hints)
		}
		var text strings.Builder
		if test.r.Print(&text); test.code == exitObjects && strings.Contains(text.String(), "clean") {
			t.Errorf("%s: the verdict is clean:\n%s", test.name, &text)
		}
	}
}

// TestVerifyImportUnchecked: receipts that nobody checked have no verdict, and a job
// is not complete without all of its devices.
func TestVerifyImportUnchecked(t *testing.T) {
	r := &verifyImportReport{Devices: []*auditedDevice{{}}}
	r.sum()
	text, err := json.Marshal(r)
	if err != nil || bytes.Contains(text, []byte(`"verdict"`)) || r.Complete {
		t.Errorf("%s, %v", text, err)
	}
	var out strings.Builder
	if r.Print(&out); !strings.Contains(out.String(), "receipts not checked") || strings.Contains(out.String(), "clean") {
		t.Errorf("%s", &out)
	}
	a, b := clean(), clean()
	a.Manifest.Device, b.Manifest.Device = "a", "b"
	a.JobDevices, b.JobDevices = []string{"a", "b", "c"}, []string{"a", "b", "c"}
	r = &verifyImportReport{Devices: []*auditedDevice{a, b}}
	if r.sum(); r.Complete || !slices.Equal(r.Missing, []string{"c"}) {
		t.Errorf("complete %v without %q", r.Complete, r.Missing)
	}
}

// TestVerifyImportCompared: only what was looked at is called clean.
func TestVerifyImportCompared(t *testing.T) {
	store := func(s importer.VerifyReport) *importer.VerifyReport { return &s }
	tests := map[string]struct {
		r        verifyImportReport
		compared string
		words    string
	}{
		"offline":              {verifyImportReport{}, comparedNone, "receipts clean, objects not compared"},
		"never begun":          {verifyImportReport{By: "head", broken: true}, comparedNone, "receipts clean, objects not compared"},
		"broken before any":    {verifyImportReport{By: "head", broken: true, Store: store(importer.VerifyReport{})}, comparedNone, "receipts clean, objects not compared"},
		"no answer at all":     {verifyImportReport{By: "head", Store: store(importer.VerifyReport{Objects: 2, NotCompared: 2})}, comparedNone, "receipts clean, objects not compared"},
		"broken after some":    {verifyImportReport{By: "head", broken: true, Store: store(importer.VerifyReport{Objects: 2, Same: 2})}, comparedPartly, "receipts clean, objects compared in part only"},
		"no answer about some": {verifyImportReport{By: "head", Store: store(importer.VerifyReport{Objects: 2, Same: 1, NotCompared: 1})}, comparedPartly, "not everything is in the target or proven"},
		"no objects":           {verifyImportReport{By: "head", Store: store(importer.VerifyReport{})}, comparedNone, "receipts clean, no objects to compare"},
		"a sample":             {verifyImportReport{By: "head", Store: store(importer.VerifyReport{Objects: 2, Same: 2}), Sample: &importer.SampleReport{}}, comparedSample, "clean"},
		"all":                  {verifyImportReport{By: "head", Store: store(importer.VerifyReport{Objects: 2, Same: 2})}, comparedAll, "clean"},
		"all of an inventory":  {verifyImportReport{By: "inventory", Listing: &importer.ListingReport{Objects: 1, Same: 1}}, comparedAll, "clean"},
	}
	for name, test := range tests {
		test.r.Devices = []*auditedDevice{clean()}
		test.r.sum()
		if got, words := test.r.compared(), test.r.words(); got != test.compared || words != test.words {
			t.Errorf("%s: compared %q, verdict %q", name, got, words)
		}
	}
}

// TestAcceptanceWithoutReceipts: a statement whose receipts nobody gave is not called clean.
func TestAcceptanceWithoutReceipts(t *testing.T) {
	for n, want := range []string{"verdict     clean, origin", "verdict     statement clean, receipts of 1 device not compared, origin"} {
		var out strings.Builder
		(&acceptanceReport{&fsck.AcceptanceReport{Verdict: fsck.VerdictClean}, n}).Print(&out)
		if !strings.Contains(out.String(), want) {
			t.Errorf("%d without receipts: %s", n, &out)
		}
	}
}

func TestAuditFlags(t *testing.T) {
	tests := []struct {
		f  auditFlags
		by string // "": refused
	}{
		{auditFlags{}, "head"},
		{auditFlags{by: "attributes", extras: true, sample: "1%"}, "attributes"},
		{auditFlags{inventory: "manifest.json"}, "inventory"},
		{auditFlags{by: "inventory"}, ""},
		{auditFlags{by: "head", inventory: "x"}, ""},
		{auditFlags{inventory: "x", sample: "1"}, ""},
		{auditFlags{by: "faith"}, ""},
		{auditFlags{offline: true}, "head"},
		{auditFlags{offline: true, extras: true}, ""},
		{auditFlags{seed: "x"}, ""},
		{auditFlags{columns: "Key"}, ""},
		{auditFlags{labels: []string{"x"}, noLabel: true}, ""},
		{auditFlags{sample: "lots"}, ""},
		{auditFlags{offline: true, differences: "new.csv"}, ""},
		{auditFlags{differences: "new.csv"}, "head"},
		{auditFlags{differences: "verify_import_test.go"}, ""},
		{auditFlags{markers: []string{"_COMMIT"}}, ""},
		{auditFlags{markers: []string{"_COMMIT"}, extras: true}, "head"},
	}
	for _, test := range tests {
		f := test.f
		if err := f.check(); (err == nil) != (test.by != "") || err == nil && f.by != test.by {
			t.Errorf("%+v: %q, %v", test.f, f.by, err)
		}
	}
}

// TestDifferenceOnce: an object that HEAD and the listing both find missing is one difference;
// each finding is a line of the file.
func TestDifferenceOnce(t *testing.T) {
	d := clean()
	d.Receipts = "receipts"
	r := &verifyImportReport{By: "head", Devices: []*auditedDevice{d}, Store: &importer.VerifyReport{Objects: 2, Missing: 1, Different: 1}, Listing: &importer.ListingReport{Missing: 2}}
	c := &comparison{report: r}
	missing := target.NewError(target.CodeMissing, "in/a", "", nil)
	c.difference(d, "head", missing)
	c.difference(d, "head", target.NewError(target.CodeStoredWrong, "in/b", "", nil))
	c.difference(d, "listing", missing)
	c.difference(d, "listing", target.NewError(target.CodeMissing, "in/c", "", nil))
	c.difference(nil, "listing", target.NewError(target.CodeExtraObject, "in/a", "", nil))
	if err := r.objects(); err == nil || !strings.HasSuffix(err.Error(), "3 differences") || len(r.Differences) != 4 || r.found != 4 {
		t.Errorf("%v, %q", err, r.Differences)
	}
}
