package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/sample"
)

// TestDifferencesShown: people see a bounded list, with the true number.
func TestDifferencesShown(t *testing.T) {
	for n, want := range map[int]string{20: "", 21: "… and 1 more", maxDifferences: "… and 29980 more"} {
		r := &Report{By: "head", Devices: []*Device{{ReceiptReport: &fsck.ReceiptReport{Manifest: &fsck.Report{}}}},
			Store: &ObjectReport{Missing: uint64(n), Differences: uint64(n)}, found: uint64(n)}
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
func clean() *Device {
	return &Device{ReceiptReport: &fsck.ReceiptReport{Verdict: fsck.VerdictClean, Complete: true,
		Manifest: &fsck.Report{Origin: fsck.OriginProven}, Outcomes: map[string]int64{"stored": 1}}}
}

// TestVerifyImportUnchecked: receipts that nobody checked have no verdict, and a job
// is not complete without all of its devices.
func TestVerifyImportUnchecked(t *testing.T) {
	r := &Report{Devices: []*Device{{}}}
	r.Sum()
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
	r = &Report{Devices: []*Device{a, b}}
	if r.Sum(); r.Complete || !slices.Equal(r.Missing, []string{"c"}) {
		t.Errorf("complete %v without %q", r.Complete, r.Missing)
	}
}

// TestVerifyImportCompared: only what was looked at is called clean.
func TestVerifyImportCompared(t *testing.T) {
	store := func(s ObjectReport) *ObjectReport { return &s }
	tests := map[string]struct {
		r        Report
		compared string
		words    string
	}{
		"offline":              {Report{}, comparedNone, "receipts clean, objects not compared"},
		"never begun":          {Report{By: "head", broken: true}, comparedNone, "receipts clean, objects not compared"},
		"broken before any":    {Report{By: "head", broken: true, Store: store(ObjectReport{})}, comparedNone, "receipts clean, objects not compared"},
		"no answer at all":     {Report{By: "head", Store: store(ObjectReport{Objects: 2, NotCompared: 2})}, comparedNone, "receipts clean, objects not compared"},
		"broken after some":    {Report{By: "head", broken: true, Store: store(ObjectReport{Objects: 2, Same: 2})}, comparedPartly, "receipts clean, objects compared in part only"},
		"no answer about some": {Report{By: "head", Store: store(ObjectReport{Objects: 2, Same: 1, NotCompared: 1})}, comparedPartly, "not everything is in the target or proven"},
		"no objects":           {Report{By: "head", Store: store(ObjectReport{})}, comparedNone, "receipts clean, no objects to compare"},
		"a sample":             {Report{By: "head", Store: store(ObjectReport{Objects: 2, Same: 2}), Sample: &sample.Report{}}, comparedSample, "clean"},
		"all":                  {Report{By: "head", Store: store(ObjectReport{Objects: 2, Same: 2})}, comparedAll, "clean"},
		"all of an inventory":  {Report{By: "inventory", Listing: &ListingReport{Objects: 1, Same: 1}}, comparedAll, "clean"},
	}
	for name, test := range tests {
		test.r.Devices = []*Device{clean()}
		test.r.Sum()
		if got, words := test.r.compared(), test.r.words(); got != test.compared || words != test.words {
			t.Errorf("%s: compared %q, verdict %q", name, got, words)
		}
	}
}

// TestDifferenceOnce: an object that HEAD and the listing both find missing is one difference;
// each finding is a line of the file.
func TestDifferenceOnce(t *testing.T) {
	d := clean()
	d.Receipts = "receipts"
	r := &Report{By: "head", Devices: []*Device{d}, Store: &ObjectReport{Objects: 2, Missing: 1, Different: 1}, Listing: &ListingReport{Missing: 2}}
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
