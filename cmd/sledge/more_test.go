package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/scan"
)

// TestMoreNamed: a text that leaves names out says of --json only what it has.
func TestMoreNamed(t *testing.T) {
	s := &scan.Report{FindingCount: 12000, Findings: make([]scan.Finding, 10000)}
	load := &appliance.LoadReport{SkippedCount: 12000, Skipped: make([]appliance.SkippedEntry, 10000), NoRoomCount: 12000, NoRoom: make([]string, 1000)}
	few := &appliance.LoadReport{SkippedCount: 60, Skipped: make([]appliance.SkippedEntry, 60)}
	one := &scan.Report{FindingCount: 1, Findings: make([]scan.Finding, 1)}
	for _, c := range []struct {
		r    report
		want []string
	}{
		{newScanReport(s, "t"), []string{"and 11950 more; --json names the first 10000\n"}},
		{newLoadReport(load, "t"), []string{"and 11950 more; --json names the first 10000; sledge status --list names every one\n", "and 11950 more; --json names the first 1000\n"}},
		{newLoadReport(few, "t"), []string{"and 10 more; --json names them all\n"}},
		{newScanReport(one, "t"), []string{"findings    1, 0 of them block\n"}},
	} {
		var text strings.Builder
		c.r.Print(&text)
		for _, w := range c.want {
			if !strings.Contains(text.String(), w) || strings.Count(text.String(), "more;") != len(c.want)-strings.Count(fmt.Sprint(c.want), "block") {
				t.Errorf("no %q in:\n%s", w, text.String())
			}
		}
	}
}
