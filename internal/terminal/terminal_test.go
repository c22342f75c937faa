package terminal

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"unicode"
)

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain":               "plain",
		"größer, 漢字":          "größer, 漢字",
		"a\nb":                `a\nb`,
		"\x1b[31mred":         `\x1b[31mred`,
		"\x7f":                `\x7f`,
		"\u009b31m":           `\u009b31m`,
		"bad \xff\xfe bytes":  `bad \xff\xfe bytes`,
		"real \uFFFD":         `real \ufffd`,
		"\u202egnp.exe":       `\u202egnp.exe`,
		"zero\u200bwidth\x00": `zero\u200bwidth\x00`,
	} {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestColumns(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "漢字": 4, "e\u0301": 1, "größe": 5, "ｆ": 2, "📷": 2} {
		if got := Columns(s); got != want {
			t.Errorf("Columns(%q) = %d, want %d", s, got, want)
		}
	}
	for most := range 12 {
		for _, s := range []string{"0123456789abcdef", "漢字漢字漢字漢字", "e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301e\u0301"} {
			if c, e := CutMiddle(s, most), CutEnd(s, most); Columns(c) > most || Columns(e) > most {
				t.Errorf("%d: %q, %q", most, c, e)
			}
		}
	}
	if got := CutMiddle("0123456789abcdef", 10); got != "012…abcdef" {
		t.Errorf("%q", got)
	}
}

// hostile is a text that would take a terminal over, make a line, or turn the text around.
const hostile = "evil\x1b[2J\x07\nfake line\r\u202etxt.exe\u009b31m\x00\xff"

// TestWriterKeepsLines: ends of lines stay, and nothing else that a terminal obeys.
func TestWriterKeepsLines(t *testing.T) {
	var out strings.Builder
	text := "first\n" + hostile + "\nlast"
	if n, err := (Writer{W: &out}).Write([]byte(text)); n != len(text) || err != nil {
		t.Fatal(n, err)
	}
	if got := out.String(); strings.Count(got, "\n") != 3 || !strings.HasPrefix(got, "first\n") || !strings.HasSuffix(got, "\nlast") {
		t.Errorf("%q", got)
	}
	if i := strings.IndexFunc(strings.ReplaceAll(out.String(), "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("byte %d of %q", i, out.String())
	}
}

// TestJSONMeansTheSame: JSON gives a terminal nothing to obey, and a program the same text.
func TestJSONMeansTheSame(t *testing.T) {
	const odd = "é \u009b31m \u202e\u2066 \u007f \U000e0041 \x1b[2J 日本"
	var out strings.Builder
	if err := json.NewEncoder(JSON{W: &out}).Encode(odd); err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSuffix(out.String(), "\n")
	if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("byte %d of %q", i, line)
	}
	var got string
	if err := json.Unmarshal([]byte(line), &got); err != nil || got != odd {
		t.Errorf("%q, %v", got, err)
	}
}

// TestShownIsShort: a message of any length stays readable, and makes one line.
func TestShownIsShort(t *testing.T) {
	long := "first/" + strings.Repeat("directory/", 400) + "last.raw"
	for what, text := range map[string]string{"word": "open " + long, "quoted": fmt.Sprintf("%q: is gone", strings.ReplaceAll(long, "y/", "y /")), "lines": "a\nb"} {
		got := Shown(text)
		if Columns(got) > LongName+20 || strings.Contains(got, "\n") {
			t.Errorf("%s: %d columns: %s", what, Columns(got), got)
		}
		if what != "lines" && (!strings.Contains(got, "first/") || !strings.Contains(got, "last.raw")) {
			t.Errorf("%s: %s", what, got)
		}
	}
	if got := Shown(strings.Repeat("some words ", 1000)); Columns(got) != LongLine {
		t.Errorf("%d columns", Columns(got))
	}
}

// TestNamesShown: names in the system's errors make no lines of their own, however deep the
// error is.
func TestNamesShown(t *testing.T) {
	const name = "/srv/a\nhint: run rm -r /srv"
	err := fmt.Errorf("source: %w", &os.LinkError{Op: "rename", Old: name, New: "b", Err: &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}})
	if got := NamesShown(err, err.Error()); strings.Contains(got, "\n") || !strings.Contains(got, `/srv/a\nhint: run`) {
		t.Errorf("%q", got)
	}
}

// TestSizeAndPlural: units are powers of 1024, and nouns follow their count.
func TestSizeAndPlural(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 3 << 19: "1.5 MiB", 1 << 62: "4.0 EiB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%d) = %q, want %q", n, got, want)
		}
	}
	for want, got := range map[string]string{"1 entry": Plural(1, "entry"), "0 entries": Plural(0, "entry"), "2 keys": Plural(uint64(2), "key"), "3 disks": Plural(int64(3), "disk")} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestMore: what JSON does not have either is not said to be there.
func TestMore(t *testing.T) {
	for want, c := range map[string]struct {
		count, kept int
		list        string
	}{
		"":                                       {Most, Most, ""},
		"  and 10 more; --json names them all\n": {Most + 10, Most + 10, "; x"},
		"  and 11950 more; --json names the first 10000\n":                             {12000, 10000, ""},
		"  and 11950 more; --json names the first 100; sledge status --list has all\n": {12000, 100, "; sledge status --list has all"},
	} {
		var out strings.Builder
		if More(&out, c.count, c.kept, c.list); out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
}

// TestPrintIf: a line is there whole, or not at all.
func TestPrintIf(t *testing.T) {
	var out strings.Builder
	PrintIf(&out, false, "skipped     %d\n", 3)
	PrintIf(&out, true, "failed      %d\n", 2)
	if out.String() != "failed      2\n" {
		t.Errorf("%q", out.String())
	}
}
