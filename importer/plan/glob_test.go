package plan

import (
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/testlimit"
)

func TestGlob(t *testing.T) {
	tests := []struct {
		pattern string
		yes, no string // separated by spaces
	}{
		{"", "a a/b a/b.c", ""},
		{"a", "a x/a x/y/a", "ab ba a/x A"},
		{"/a", "a", "x/a"},
		{"*.csv", "a.csv x/a.csv .csv", "a.csv/x a.CSV a.csv.gz"},
		{"a/*.csv", "a/x.csv a/.csv", "x/a/x.csv a/b/x.csv a.csv"},
		{"a/**", "a/x a/x/y a/x/", "a x/a/b"},
		{"**/*.parquet", "a.parquet x/a.parquet x/y/a.parquet", "a.parquets"},
		{"a/**/b", "a/b a/x/b a/x/y/b", "ab a/xb x/a/b a/b/c"},
		{"**", "a a/b", ""},
		{"**/logs/**", "logs/a x/logs/a x/logs/y/a", "logs alogs/a"},
		{"a**b", "ab axb a/x/b", "ba"},
		{"?", "a é 漢 x/y", "ab"},
		{"a?b/c", "axb/c aéb/c", "a/b/c ab/c"},
		{"[a-c]x", "ax bx y/cx", "dx x -x"},
		{"[!a-c]x", "dx éx", "ax x"},
		{"[^a]/x", "b/x", "a/x //x"},
		{"[+-9]/x", "0/x ./x", "//x"},
		{"[]a]", "] a", "b"},
		{"[a-]", "a -", "b"},
		{`[\]]`, "]", `\`},
		{"{a,b}", "a b x/a", "c ab"},
		{"*.{jpg,jpe?g,p{n,m}g}", "x.jpg x.jpeXg x.png x.pmg", "x.jpeg x.pg x.jpg2"},
		{"{a,b}/c", "a/c b/c", "x/a/c"},
		{"{**/a,b}/c", "a/c x/a/c b/c", "x/b/c"},
		{`\*`, "*", `a \`},
		{`a,b`, "a,b", "a b"},
		{`a.b+c(d)|e$`, "a.b+c(d)|e$", "aXb+c(d)|e$"},
		{"caf\u00e9", "caf\u00e9", "cafe\u0301"},
		{"*\u00ff", "x\u00ff", "x\xff"},
		{"*.x", "a\nb.x \xff.x", ""},
	}
	for _, test := range tests {
		g, err := compileGlob(test.pattern)
		if err != nil {
			t.Errorf("%q: %v", test.pattern, err)
			continue
		}
		for want, paths := range map[bool]string{true: test.yes, false: test.no} {
			for path := range strings.SplitSeq(paths, " ") {
				if path != "" && g.matches(path) != want {
					t.Errorf("%q over %q: %v", test.pattern, path, !want)
				}
			}
		}
	}
}

func TestGlobRefuses(t *testing.T) {
	for pattern, want := range map[string]string{
		"a[": "character 2: [ without ]", "a/[]": "[ without ]", "[!": "[ without ]", "{a": "{ without }", "a}": "character 2: } without {", `a\`: `\ before nothing`,
		"[b-a]": "runs backwards", "[/]": "nothing but the slash", strings.Repeat("a", maxGlob+1): "at most", "\xff": "UTF-8",
	} {
		if _, err := compileGlob(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", pattern, err, want)
		}
	}
}

// TestGlobLinear: what makes a backtracking matcher try for years is decided
// within a moment.
func TestGlobLinear(t *testing.T) {
	path := strings.Repeat("a/", 2000) + strings.Repeat("a", 4000)
	for _, pattern := range []string{
		strings.Repeat("**/a*", 200) + "b", strings.Repeat("*a", 400) + "b", strings.Repeat("{a,a*,**}", 110) + "b", strings.Repeat("**a", 300) + "b",
	} {
		g, err := compileGlob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if g.matches(path) {
			t.Errorf("%.20q… matches", pattern)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%.20q… took %v", pattern, took)
		}
	}
}

// FuzzGlob: any pattern over any path costs bounded room, and one that matches a
// path does so again when the path is quoted inside of it.
func FuzzGlob(f *testing.F) {
	for _, seed := range [][2]string{{"**/*.{a,b}", "x/y.a"}, {"[!a-z]?", "1é"}, {"a/**/b", "a/b"}, {`\[`, "["}, {"{{a,},b}", ""}, {"[", "x"}} {
		f.Add(seed[0], seed[1])
	}
	quote := strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `{`, `\{`, `}`, `\}`, `,`, `\,`)
	f.Fuzz(func(t *testing.T, pattern, path string) {
		defer testlimit.Alloc(t, testlimit.Input)()
		g, err := compileGlob(pattern)
		if err == nil {
			g.matches(path)
		}
		if same, err := compileGlob("/" + quote.Replace(path)); err == nil && path != "" && !strings.HasPrefix(path, "/") && !same.matches(path) {
			t.Errorf("%q does not match itself", path)
		}
	})
}
