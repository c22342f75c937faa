package main

import (
	"fmt"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/keyless"
)

// TestVerdictExits: a verification ends with 0 only if it is clean and the origin is
// proven; what is worse decides.
func TestVerdictExits(t *testing.T) {
	for _, test := range []struct {
		verdict fsck.Verdict
		origin  string
		want    int
	}{
		{fsck.VerdictClean, fsck.OriginProven, exitDone},
		{fsck.VerdictClean, fsck.OriginUnproven, exitUnproven},
		{fsck.VerdictRepairable, fsck.OriginProven, exitDamage},
		{fsck.VerdictRepairable, fsck.OriginUnproven, exitUnproven},
		{fsck.VerdictLost, fsck.OriginProven, exitLost},
		{fsck.VerdictLost, fsck.OriginUnproven, exitLost},
		{fsck.VerdictRefused, fsck.OriginProven, exitRefused},
		{fsck.VerdictRefused, fsck.OriginUnproven, exitRefused},
	} {
		if code, _ := diagnose((&keyless.SetReport{Report: &fsck.Report{Verdict: test.verdict, Origin: test.origin}}).End()); code != test.want {
			t.Errorf("%v, %s: exit code %d, want %d", test.verdict, test.origin, code, test.want)
		}
	}
}

// TestExtractExits: an extraction ends with 0 only if the folder has all that the
// source had when it was loaded.
func TestExtractExits(t *testing.T) {
	for _, test := range []struct {
		name   string
		report extract.Report
		err    error
		want   int
	}{
		{"whole", extract.Report{Entries: 3}, nil, exitDone},
		{"sealed in mid-load", extract.Report{Entries: 3, Partial: true}, nil, exitSource},
		{"skipped by the loader", extract.Report{Entries: 3, Skipped: 1}, nil, exitSource},
		{"failed", extract.Report{Entries: 3, Failed: 1}, fmt.Errorf("%w: 1 of 4", extract.ErrSomeFailed), exitObjects},
		{"lost", extract.Report{Failed: 1, Lost: 1}, fmt.Errorf("%w: 1 entry: %w", appliance.ErrLost, extract.ErrSomeFailed), exitLost},
		{"in the way", extract.Report{Failed: 1, InTheWay: 1}, fmt.Errorf("%w: %w", extract.ErrInTheWay, extract.ErrSomeFailed), exitConflict},
	} {
		if code, _ := diagnose(extractEnd(&test.report, test.err)); code != test.want {
			t.Errorf("%s: exit code %d, want %d", test.name, code, test.want)
		}
	}
}
