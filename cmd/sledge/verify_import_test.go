package main

import (
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/fsck"
)

// clean is a device whose receipts hold.
func clean() *audit.Device {
	return &audit.Device{ReceiptReport: &fsck.ReceiptReport{Verdict: fsck.VerdictClean, Complete: true,
		Manifest: &fsck.Report{Origin: fsck.OriginProven}, Outcomes: map[string]int64{"stored": 1}}}
}

func canceled() *audit.Device {
	d := clean()
	d.Canceled = &receipt.CancelMark{Run: "run-1"}
	return d
}

func TestVerifyImportEnd(t *testing.T) {
	receipts := func(change func(r *fsck.ReceiptReport)) *audit.Report {
		bad := clean()
		change(bad.ReceiptReport)
		return &audit.Report{By: "head", Devices: []*audit.Device{clean(), bad}}
	}
	store := func(s audit.ObjectReport, l *audit.ListingReport) *audit.Report {
		return &audit.Report{By: "head", Devices: []*audit.Device{clean()}, Store: &s, Listing: l}
	}
	tests := []struct {
		name string
		r    *audit.Report
		code int
	}{
		{"all well", store(audit.ObjectReport{Same: 1}, nil), exitDone},
		{"a conflict", receipts(func(r *fsck.ReceiptReport) { r.Verdict, r.Outcomes = fsck.VerdictLost, map[string]int64{"conflict": 1} }), exitObjects},
		{"lost disks", receipts(func(r *fsck.ReceiptReport) { r.Verdict, r.Manifest.Verdict = fsck.VerdictLost, fsck.VerdictLost }), exitLost},
		{"refused", receipts(func(r *fsck.ReceiptReport) { r.Verdict = fsck.VerdictRefused }), exitRefused},
		{"no trust", receipts(func(r *fsck.ReceiptReport) { r.Manifest.Origin = fsck.OriginUnproven }), exitUnproven},
		{"skipped", receipts(func(r *fsck.ReceiptReport) { r.Outcomes = map[string]int64{"skipped": 1} }), exitSource},
		{"no disks", &audit.Report{Devices: []*audit.Device{{}}}, exitUnproven},
		{"no disks and missing", &audit.Report{Devices: []*audit.Device{{}}, Store: &audit.ObjectReport{Missing: 1}}, exitObjects},
		{"canceled", &audit.Report{Devices: []*audit.Device{canceled()}}, exitObjects},
		{"canceled, all there", &audit.Report{By: "head", Devices: []*audit.Device{canceled()}, Store: &audit.ObjectReport{Same: 1}}, exitObjects},
		{"missing", store(audit.ObjectReport{Missing: 1}, &audit.ListingReport{Extra: 1}), exitObjects},
		{"different", store(audit.ObjectReport{Different: 1}, nil), exitObjects},
		{"no answer", store(audit.ObjectReport{NotCompared: 1}, nil), exitTarget},
		{"extras", store(audit.ObjectReport{Same: 1}, &audit.ListingReport{Same: 1, Extra: 1, Ours: 1}), exitExtras},
		{"ours", store(audit.ObjectReport{Same: 1}, &audit.ListingReport{Same: 1, Ours: 1}), exitDone},
		{"listing not compared", store(audit.ObjectReport{Same: 1}, &audit.ListingReport{NotCompared: 1}), exitObjects},
	}
	job := func(devices ...string) *audit.Device {
		d := clean()
		d.Manifest.Device, d.JobDevices = devices[0], devices
		return d
	}
	tests = append(tests, []struct {
		name string
		r    *audit.Report
		code int
	}{
		{"one device of two", &audit.Report{Devices: []*audit.Device{job("a", "b")}}, exitDone},
		{"both devices", &audit.Report{Devices: []*audit.Device{job("a", "b"), job("b", "a")}}, exitDone},
		{"two devices of three", &audit.Report{Devices: []*audit.Device{job("a", "b", "c"), job("b", "a", "c")}}, exitObjects},
	}...)
	for _, test := range tests {
		test.r.Sum()
		code, hints := diagnose(test.r.End())
		if code != test.code || code != exitDone && len(hints) == 0 {
			t.Errorf("%s: exit code %d, want %d; hints %q", test.name, code, test.code, hints)
		}
		var text strings.Builder
		if test.r.Print(&text); test.code == exitObjects && strings.Contains(text.String(), "clean") {
			t.Errorf("%s: the verdict is clean:\n%s", test.name, &text)
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
