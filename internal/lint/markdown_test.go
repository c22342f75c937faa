package lint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLinks(t *testing.T)     { reportAll(t, Links) }
func TestNamed(t *testing.T)     { reportAll(t, Named) }
func TestTables(t *testing.T)    { reportAll(t, Tables) }
func TestSentences(t *testing.T) { reportAll(t, Sentences) }

func reportAll(t *testing.T, check func(root string) ([]string, error)) {
	t.Helper()
	findings, err := check(root)
	if err != nil {
		t.Fatal(err)
	}
	report(t, findings)
}

const badPage = `# One page

See [there](b.md#two-words), [itself](#one-page), [the web](https://example.org/x) and ` + "`[no](link)`" + `.
But [gone](c.md), [no heading](b.md#three) and a link that
goes on in [the next line](#nothing).

| a | b |
|---|---|
| 1 | 2 \| 3 |
| one | two | three |
| 1 |
| 1 | 2

` + "```" + `
| in a code block | nothing | is | a table [or](link) |
` + "```" + `
`

// TestMarkdownRefuses: broken links, headings and rows of tables, each with its line.
func TestMarkdownRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"docs/a.md": badPage, "docs/b.md": "## Two words\n\n## Three\n\n## Three\ndocs/gone.md, docs/a.md\n"} {
		if err := os.MkdirAll(filepath.Join(dir, "docs"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	links, err := Links(dir)
	got := strings.Join(links, "\n")
	if want := "docs/a.md:3: link to c.md: there is no docs/c.md\ndocs/a.md:3: link to #nothing: there is no such heading"; err != nil || got != want {
		t.Errorf("%v: %s", err, got)
	}
	named, err := Named(dir)
	if err != nil || len(named) != 1 || named[0] != "docs/b.md:6: names docs/gone.md, which is not there" {
		t.Errorf("%v: %v", err, named)
	}
	tables, err := Tables(dir)
	got = strings.Join(tables, "\n")
	if want := "docs/a.md:10: table row of 3 cells, the table has 2 columns\ndocs/a.md:11: table row of 1 cells, the table has 2 columns\n" +
		"docs/a.md:12: table row without a bar at its end"; err != nil || got != want {
		t.Errorf("%v: %s", err, got)
	}
}

// TestLongSentences counts words: a code span is one, and an item or a cell ends a sentence.
func TestLongSentences(t *testing.T) {
	five := "one two three four five"
	for text, want := range map[string]int{
		five + " " + five + ".\n":                    1,
		five + ". Then " + five + ".\n":              0,
		five + "\n" + five + "\n":                    1,
		"- " + five + "\n- " + five + "\n":           0,
		"| " + five + " | " + five + " |\n":          0,
		five + " e.g. v1.2 of\n":                     1,
		five + " `a b. C d e f g`\n":                 0,
		five + " [six](x.md) – \n":                   0,
		"```\n" + five + " " + five + "\n```\n":      0,
		five + " (six.) Seven `x y`. " + five + "\n": 0,
	} {
		if got := newPage("x.md", text).longSentences(7); len(got) != want {
			t.Errorf("%q: %v, want %d", text, got, want)
		}
	}
}

// TestCodeLines: spans that go on in the next line, blocks of a kind, continued lines.
func TestCodeLines(t *testing.T) {
	dir := t.TempDir()
	text := "a `span over\ntwo lines`, `b`\n\n```sh\none \\\n  two\n```\n"
	if err := os.WriteFile(filepath.Join(dir, "x.md"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := CodeLines(dir)
	if err != nil || len(got) != 3 || got[0] != (CodeLine{"x.md", 1, "span", "span over two lines"}) || got[1].Text != "b" ||
		got[2] != (CodeLine{"x.md", 5, "sh", "one two"}) {
		t.Errorf("%v: %+v", err, got)
	}
}
