package main

import (
	"slices"
	"testing"
)

func TestWaive(t *testing.T) {
	items := func() []*unproven {
		return []*unproven{{Kind: unprovenPath, Name: "a", Device: "1"}, {Kind: unprovenPath, Name: "a", Device: "2"},
			{Kind: unprovenPath, Name: "label x"}, {Kind: unprovenLabel, Name: "x"}}
	}
	for _, tt := range []struct {
		name    string
		waivers []waiver
		waived  []bool
		idle    []waiver
	}{
		{name: "none", waived: []bool{false, false, false, false}},
		{name: "a path is waived wherever it is", waivers: []waiver{{unprovenPath, "a"}}, waived: []bool{true, true, false, false}},
		{name: "kinds are apart", waivers: []waiver{{unprovenLabel, "x"}}, waived: []bool{false, false, false, true}},
		{name: "nothing of that name", waivers: []waiver{{unprovenPath, "b"}, {unprovenPath, "b"}, {unprovenDevice, "a"}},
			waived: []bool{false, false, false, false}, idle: []waiver{{unprovenPath, "b"}, {unprovenDevice, "a"}}},
		{name: "no part of a name", waivers: []waiver{{unprovenPath, ""}, {unprovenPath, "*"}}, waived: []bool{false, false, false, false},
			idle: []waiver{{unprovenPath, ""}, {unprovenPath, "*"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := items()
			idle := waive(list, tt.waivers)
			for i, u := range list {
				if u.Waived != tt.waived[i] {
					t.Errorf("%v: waived %v", u, u.Waived)
				}
			}
			if !slices.Equal(idle, tt.idle) {
				t.Errorf("idle %v, want %v", idle, tt.idle)
			}
		})
	}
}

// What is written is read again, byte for byte; what a line cannot hold is not lost
// in silence.
func TestWaivers(t *testing.T) {
	list := []*unproven{{Kind: unprovenPath, Name: " a  b "}, {Kind: unprovenPath, Name: "\xff\x1b[0m"}, {Kind: unprovenPath, Name: "a\nb"},
		{Kind: unprovenDifference, Name: "files: 3, 2"}, {Kind: unprovenDevice, Name: "ab"}}
	got, err := parseWaivers(encodeWaivers(list))
	want := []waiver{{unprovenPath, " a  b "}, {unprovenPath, "\xff\x1b[0m"}, {unprovenDifference, "files: 3, 2"}, {unprovenDevice, "ab"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: %q", err, got)
	}
	for _, bad := range []string{"a", "file a", "path", "path ", " path a"} {
		if _, err := parseWaivers([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
