package lint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

func readPage(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRooms(t *testing.T)      { report(t, StaleRooms(readPage(t, RoomsPage), load(t))) }
func TestLargeRooms(t *testing.T) { report(t, LargeRooms(readPage(t, "docs/decisions.md"), load(t))) }
func TestUnlisted(t *testing.T)   { report(t, Unlisted(load(t))) }

func TestJourneys(t *testing.T) {
	findings, err := Journeys(root, string(readPage(t, RoomsPage)), load(t))
	if err != nil {
		t.Fatal(err)
	}
	report(t, findings)
}

func same(t *testing.T, findings []string, want ...string) {
	t.Helper()
	got := strings.Join(findings, "\n")
	if len(findings) != len(want) {
		t.Errorf("%d findings, not %d: %s", len(findings), len(want), got)
	}
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%q is not among: %s", w, got)
		}
	}
}

// TestRoomsRefuses: a row that is missing, one too many, other imports, another comment,
// and a count that is off by more than the rule allows.
func TestRoomsRefuses(t *testing.T) {
	tree := &Tree{Module: "m", Files: []File{
		{Path: "crypto/a.go", Name: "crypto", Lines: 2000, Doc: "Package crypto encrypts: this, that. It does more."},
		{Path: "crypto/a_test.go", Name: "crypto", Lines: 900},
		{Path: "manifest/a.go", Name: "manifest", Lines: 70, Doc: "Package manifest tells."},
	}}
	empty := "# Page\n\n" + roomsBegin + roomsEnd + "\nMore.\n"
	with, err := WithRooms([]byte(empty), tree)
	if err != nil {
		t.Fatal(err)
	}
	page := string(with)
	if !strings.Contains(page, "| `crypto` | 2000 | nothing | encrypts |\n| `manifest` | 70 | `crypto` | tells |\n") || !strings.HasSuffix(page, roomsEnd+"\nMore.\n") {
		t.Errorf("the page is %s", page)
	}
	same(t, StaleRooms(with, tree))
	same(t, StaleRooms([]byte("# Page\n"), tree), "no lines")
	for _, change := range []struct{ old, new, want string }{
		{"2000", "2190", ""},
		{"| 70", "| 160", ""},
		{"2000", "2201", "crypto has 2000 lines, not 2201"},
		{"| 70", "| 171", "manifest has 70 lines, not 171"},
		{"70 | `crypto`", "70 | nothing", "manifest may import `crypto`, not nothing"},
		{"tells", "told", "manifest tells, and not told"},
		{"| `manifest` | 70 | `crypto` | tells |\n", "", "package manifest has no row"},
		{roomsEnd, "| `gone` | 1 | nothing | was |\n" + roomsEnd, "no package gone"},
	} {
		changed := strings.Replace(page, change.old, change.new, 1)
		if changed == page {
			t.Errorf("%q is not in the page", change.old)
		}
		if change.want == "" {
			same(t, StaleRooms([]byte(changed), tree))
			continue
		}
		same(t, StaleRooms([]byte(changed), tree), change.want)
	}
}

func TestPatterns(t *testing.T) {
	all := []string{"a", "a/x", "b", "c/x", "c/y", "c/z", "d"}
	for _, test := range []struct{ allowed, want string }{
		{"", ""},
		{"a a/x b c/x c/y c/z d", "anything"},
		{"a a/x c/x c/y c/z d", "anything without `b`"},
		{"a a/x", "`a/...`"},
		{"a b", "`a`, `b`"},
		{"c/y", "`c/y`"},
		{"a/x c/x c/y c/z", "`a/x`, `c/...`"},
	} {
		if got := strings.Join(patterns("", all, strings.Fields(test.allowed)), ", "); got != test.want {
			t.Errorf("%q: %s, not %s", test.allowed, got, test.want)
		}
	}
}

func TestLargeRoomsRefuses(t *testing.T) {
	tree := &Tree{Module: "m", Files: []File{{Path: "a/a.go", Lines: 2501}, {Path: "b/b.go", Lines: 2600}, {Path: "b/b_test.go", Lines: 1}, {Path: "c/c.go", Lines: 2249}, {Path: "d/d.go", Lines: 2250}}}
	page := "## 2026-01-01: packages over 2,500 lines\n\n| package | why |\n|---|---|\n| `b` | one noun |\n| `c` | – |\n| `d` | – |\n| `gone` | – |\n\n## Another\n\n| `a` | elsewhere |\n"
	same(t, LargeRooms([]byte(page), tree), "a: 2501 lines, and docs/decisions.md does not say why", "c: 2249 lines need no row", "no package gone")
	same(t, Unlisted(&Tree{Module: "m", Files: []File{{Path: "crypto/a.go"}, {Path: "cmd/x/a.go"}, {Path: "attic/a.go"}}}), "attic: no arrow")
}

func TestJourneysRefuses(t *testing.T) {
	dir := t.TempDir()
	code := "package a\n\nfunc F() {}\n\ntype T[P any] struct{}\n\nfunc (t *T[P]) M() {}\n\ntype I struct{}\n\nfunc (I) M() {}\n"
	if err := os.CopyFS(dir, fstest.MapFS{"x/a/a.go": {Data: []byte(code)}}); err != nil {
		t.Fatal(err)
	}
	tree := &Tree{Module: "m", Files: []File{{Path: "x/a/a.go"}, {Path: "x/a/none_test.go"}}}
	page := journeysHeading + "\n\n### One\n1. `a.F`\n\n### Two\n1. `a.T.M`, `a.I.M` and `b.G`\n\n### Three\n" +
		strings.Repeat("a line\n", 11) + "\n### Four\n" + strings.Repeat("x", 201) + " `a.I.M`, `c.F`, `a/b.go`, `--flag`\n\n## Next\n\n### Five\n"
	findings, err := Journeys(dir, page, tree)
	if err != nil {
		t.Fatal(err)
	}
	same(t, findings, "4 journeys", "One: names no functions", "Two: names room a twice", "Two: there is no b.G",
		"Three: 11 lines", "Three: names no functions", "Four: a line of 2", "Four: there is no c.F")
}
