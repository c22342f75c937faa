package main

import (
	"strings"
	"testing"
)

// TestWaiverHints: the hint names the flag of each kind that is open, and of no other.
func TestWaiverHints(t *testing.T) {
	flags := map[string]string{unprovenPath: "--waive PATH", unprovenDifference: "--waive-difference TEXT", unprovenTarget: "--waive-target URL",
		unprovenLabel: "--waive-label DEVICE", unprovenDevice: "--waive-device DEVICE", unprovenLeftOut: "--waive-left-out KIND"}
	for _, kind := range unprovenKinds {
		c := &acceptance{f: &acceptFlags{}, r: &acceptReport{Unproven: []*unproven{{Kind: kind, Name: "a"}, {Kind: unprovenPath, Name: "b", Waived: true}}}}
		code, hints := diagnose(c.unwaived())
		text := strings.Join(hints, "\n")
		if code != exitUnwaived || len(hints) != 2 || !strings.Contains(text, "--waivers FILE") {
			t.Errorf("%s: code %d, %q", kind, code, hints)
		}
		for other, flag := range flags {
			if strings.Contains(text, flag) != (other == kind) {
				t.Errorf("%s: %q and %s", kind, hints, flag)
			}
		}
	}
}
