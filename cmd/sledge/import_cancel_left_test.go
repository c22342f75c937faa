package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
)

// TestCancelLeftOver: a cancel that leaves something of the run beside its objects does not end
// with 0, and with one code whatever it is.
func TestCancelLeftOver(t *testing.T) {
	for _, c := range []struct {
		out  importer.Canceled
		want int
		says string
	}{
		{importer.Canceled{Left: 3, Gone: 1, Changed: 1}, exitDone, ""},
		{importer.Canceled{Uploads: 2}, exitTarget, "2 multipart uploads"},
		{importer.Canceled{JournalLeft: "in/.sledge-journal/r/d-1/"}, exitTarget, "below in/.sledge-journal/r/d-1/"},
		{importer.Canceled{Late: []importer.Late{{Key: "in/a", Until: time.Now()}}}, exitTarget, "1 key may yet appear"},
		{importer.Canceled{Failed: 1, Uploads: 2, Late: []importer.Late{{Key: "in/a", Until: time.Now()}}}, exitObjects, "1 could not be looked at or deleted"},
		{importer.Canceled{Failed: 1, Uploads: 2, Late: []importer.Late{{Key: "in/a", Until: time.Now()}}}, exitObjects, "2 multipart uploads, 1 key may yet appear"},
	} {
		err := (&cancelReport{Canceled: &c.out}).end()
		code, hints := diagnose(err)
		if code != c.want || err != nil && (!strings.Contains(err.Error(), c.says) || !strings.Contains(strings.Join(hints, "\n"), "same command again")) {
			t.Errorf("%+v: %d, %v, %q", c.out, code, err, hints)
		}
		if after := strings.Contains(strings.Join(hints, "\n"), "same command again after"); after != (len(c.out.Late) > 0) {
			t.Errorf("%+v: the hints tell a time: %v, %q", c.out, after, hints)
		}
	}
}

// TestUnrecordedCancel: the report of a cancel that has recorded nothing does not say that the
// run is canceled, nor what was looked at.
func TestUnrecordedCancel(t *testing.T) {
	for _, recorded := range []bool{false, true} {
		var text bytes.Buffer
		(&cancelReport{Canceled: &importer.Canceled{Recorded: recorded, List: "list"}, Run: "run-1"}).Print(&text)
		if strings.Contains(text.String(), "is canceled") != recorded || strings.Contains(text.String(), "given up") != recorded || strings.Contains(text.String(), "not recorded") == recorded {
			t.Errorf("recorded %v: %s", recorded, text.String())
		}
	}
}

// TestDoubtedCancel: a mark that may be lost, and one that the target has not, are told as such.
func TestDoubtedCancel(t *testing.T) {
	for _, c := range []struct {
		out  importer.Canceled
		says string
		not  string
	}{
		{importer.Canceled{Unsure: true}, "may be recorded as canceled", "is not recorded"},
		{importer.Canceled{ThereOnly: true}, "by its journal in the target", "is not recorded"},
		{importer.Canceled{Recorded: true, HereOnly: true}, "is canceled on this host only", "not recorded"},
		{importer.Canceled{Recorded: true}, "is canceled\n", "this host only"},
	} {
		var text bytes.Buffer
		(&cancelReport{Canceled: &c.out, Run: "run-1"}).Print(&text)
		if !strings.Contains(text.String(), c.says) || strings.Contains(text.String(), c.not) {
			t.Errorf("%+v: %s", c.out, text.String())
		}
	}
}
