package main

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
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

// What is written is read again, byte for byte, and holds nothing that an editor or
// a terminal would not show: who strikes lines out must see what he leaves.
func TestWaivers(t *testing.T) {
	names := []string{"plain é 長", " a  b ", "\xff\x1b[0m", "a\nb", "a\rpath b", "invoice\u202efdp.exe", `"quoted"`, `back\slash`, "no\u00a0break", "#x", "\ufffd"}
	var list []*unproven
	var want []waiver
	for _, name := range names {
		list = append(list, &unproven{Kind: unprovenPath, Name: name})
		want = append(want, waiver{unprovenPath, name})
	}
	list = append(list, &unproven{Kind: unprovenDifference, Name: "files: 3, 2"}, &unproven{Kind: unprovenDevice, Name: "ab"})
	want = append(want, waiver{unprovenDifference, "files: 3, 2"}, waiver{unprovenDevice, "ab"})
	text := encodeWaivers(list)
	got, err := parseWaivers(text)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: %q", err, got)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.HasSuffix(line, " ") {
			t.Errorf("line %q", line)
		}
	}
	if !strings.Contains(string(text), "\npath plain é 長\n") {
		t.Errorf("a name that can be seen is not written as it is:\n%s", text)
	}
	for _, bad := range []string{"a", "file a", "path", "path ", " path a", `path "a`, `path "a" b`} {
		if _, err := parseWaivers([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
