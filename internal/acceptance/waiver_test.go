package acceptance

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/sledge-io/sledge/internal/advice"
)

func TestWaive(t *testing.T) {
	items := func() []*Unproven {
		return []*Unproven{{Kind: KindPath, Name: "a", Device: "1", Outcome: "conflict", Error: "key-exists-conflict"},
			{Kind: KindPath, Name: "a", Device: "2", Outcome: "failed", Error: "access-denied"},
			{Kind: KindPath, Name: "label x", Device: "1", Outcome: "skipped"}, {Kind: KindLabel, Name: "x", Device: "x"},
			{Kind: KindTarget, Name: "s3://test/", Device: "1"}, {Kind: KindTarget, Name: "s3://test/", Device: "2"}}
	}
	flag := func(kind, name string) Waiver { return Waiver{Kind: kind, Name: name} }
	line := func(device, outcome, name string) Waiver { return Waiver{KindPath, name, true, device, outcome} }
	for _, tt := range []struct {
		name    string
		waivers []Waiver
		waived  []bool
		idle    []Waiver
		refused bool
	}{
		{name: "none", waived: []bool{false, false, false, false, false, false}},
		{name: "a name of two devices", waivers: []Waiver{flag(KindPath, "a")}, refused: true},
		{name: "of one of them", waivers: []Waiver{flag(KindPath, "2:a")}, waived: []bool{false, true, false, false, false, false}},
		{name: "a name of one device", waivers: []Waiver{flag(KindPath, "label x")}, waived: []bool{false, false, true, false, false, false}},
		{name: "a line is of one device", waivers: []Waiver{line("1", "conflict/key-exists-conflict", "a")}, waived: []bool{true, false, false, false, false, false}},
		{name: "a line is of what became of it", waivers: []Waiver{line("1", "skipped", "a"), line("2", "failed", "a")}, waived: []bool{false, false, false, false, false, false},
			idle: []Waiver{line("1", "skipped", "a"), line("2", "failed", "a")}},
		{name: "kinds are apart", waivers: []Waiver{flag(KindLabel, "x")}, waived: []bool{false, false, false, true, false, false}},
		{name: "a target of two devices", waivers: []Waiver{flag(KindTarget, "s3://test/")}, waived: []bool{false, false, false, false, true, true}},
		{name: "nothing of that name", waivers: []Waiver{flag(KindPath, "b"), flag(KindPath, "b"), flag(KindDevice, "a")},
			waived: []bool{false, false, false, false, false, false}, idle: []Waiver{flag(KindPath, "b"), flag(KindDevice, "a")}},
		{name: "no part of a name", waivers: []Waiver{flag(KindPath, ""), flag(KindPath, "*")}, waived: []bool{false, false, false, false, false, false},
			idle: []Waiver{flag(KindPath, ""), flag(KindPath, "*")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list := items()
			idle, err := waive(list, tt.waivers)
			if usage := (*advice.UsageError)(nil); tt.refused != errors.As(err, &usage) {
				t.Fatalf("%v", err)
			}
			if tt.refused {
				return
			}
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

// A path may be called as a flag writes one of a device: "1:a". Such a waiver is refused, also
// where both are of one device; a line of the list, and the name with its own device, are exact.
func TestWaiveOneMeaning(t *testing.T) {
	flag := func(name string) Waiver { return Waiver{Kind: KindPath, Name: name} }
	for _, device := range []string{"1", "2"} {
		items := func() []*Unproven {
			return []*Unproven{{Kind: KindPath, Name: "a", Device: "1", Outcome: "failed"}, {Kind: KindPath, Name: "1:a", Device: device, Outcome: "failed"}}
		}
		for _, w := range []Waiver{flag("a"), flag(device + ":1:a"), items()[0].waiver(), items()[1].waiver()} {
			list := items()
			idle, err := waive(list, []Waiver{w})
			if err != nil || len(idle) > 0 || list[0].Waived == list[1].Waived || list[1].Waived != strings.HasSuffix(w.Name, "1:a") {
				t.Errorf("device %s: %+v: waived %v and %v, idle %v, %v", device, w, list[0].Waived, list[1].Waived, idle, err)
			}
		}
		list := items()
		_, err := waive(list, []Waiver{flag("1:a")})
		if usage := (*advice.UsageError)(nil); !errors.As(err, &usage) || list[0].Waived || list[1].Waived {
			t.Errorf("device %s: waived %v and %v, %v", device, list[0].Waived, list[1].Waived, err)
		}
	}
}

// What is written is read again, byte for byte, names what was listed and nothing
// else, and holds nothing that an editor or a terminal would not show: who strikes
// lines out must see what he leaves.
func TestWaivers(t *testing.T) {
	names := []string{"plain é 長", " a  b ", "\xff\x1b[0m", "a\nb", "a\rpath b", "invoice\u202efdp.exe", `"quoted"`, `back\slash`, "no\u00a0break", "#x", "\ufffd"}
	var list []*Unproven
	for _, name := range names {
		list = append(list, &Unproven{Kind: KindPath, Device: "1", Outcome: "failed", Error: "no such code\n", Name: name})
	}
	list = append(list, &Unproven{Kind: KindPath, Device: "1", Outcome: "skipped", Name: "a"}, &Unproven{Kind: KindDifference, Device: "1", Name: "files: 3, 2"},
		&Unproven{Kind: KindTarget, Device: "2", Name: "s3://test/"}, &Unproven{Kind: KindLabel, Device: "2", Name: "2"},
		&Unproven{Kind: KindDevice, Device: "ab", Name: "ab"})
	var want []Waiver
	for _, u := range list {
		want = append(want, u.waiver())
	}
	text := encodeWaivers(list)
	got, err := ParseWaivers(text)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v: %v", err, got)
	}
	if idle, err := waive(list, got); err != nil || len(idle) > 0 || slices.ContainsFunc(list, func(u *Unproven) bool { return !u.Waived }) {
		t.Errorf("%v, %v", err, idle)
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSuffix(line, "\n"); !utf8.ValidString(line) || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) || strings.HasSuffix(line, " ") {
			t.Errorf("line %q", line)
		}
	}
	if !strings.Contains(string(text), "\npath 1 skipped a\n") {
		t.Errorf("a name that can be seen is not written as it is:\n%s", text)
	}
	for _, bad := range []string{"a", "file a", "path", "path ", " path a", "path a", "path 1 failed", "path 1  a", "difference files:", "label", "label ",
		`path 1 failed "a`, `path 1 failed "a" b`} {
		if _, err := ParseWaivers([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}
