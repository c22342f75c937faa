package filter

import (
	"strings"
	"testing"
	"time"
)

// takes walks down to a path and reports whether it is taken.
func takes(s *Set, path string) bool {
	for i, c := range path {
		if c == '/' && s.Path(path[:i], true).Out() {
			return false
		}
	}
	return !s.Path(path, false).Out()
}

// TestExamples: the examples that restic and rclone document, with what is left out and what
// is taken here. Where they differ from one another, or this from them, note says how.
func TestExamples(t *testing.T) {
	for _, e := range []struct {
		of, note   string
		spec       Spec
		out, taken []string
	}{
		{of: "restic", spec: Spec{Exclude: []string{"foo"}}, out: []string{"dir1/foo/dir2/file", "dir/foo"}, taken: []string{"dir/foobar", "barfoo"}},
		{of: "restic", note: "anchored at the source, not at the system's root", spec: Spec{Exclude: []string{"/bin"}}, out: []string{"bin/bash"}, taken: []string{"usr/bin/restic"}},
		{of: "restic", spec: Spec{Exclude: []string{"b*ash"}}, out: []string{"bin/bash"}, taken: []string{"bin/ash"}},
		{of: "restic", spec: Spec{Exclude: []string{"foo/**/bar"}}, out: []string{"dir1/foo/dir2/bar/file", "foo/bar/file", "tmp/foo/bar", "foo/x/y/z/bar", "foo/x/bar"}, taken: []string{"foo/x/barn", "bar"}},
		{of: "restic", spec: Spec{Exclude: []string{"*.c", "*.go"}}, out: []string{"main.c", "a/b.go"}, taken: []string{"main.h"}},
		{of: "restic", spec: Spec{Exclude: []string{"foo bar star.txt"}}, out: []string{"x/foo bar star.txt"}, taken: []string{"foo"}},
		{of: "restic", note: "$HOME is the source", spec: Spec{Exclude: []string{"/*", "!/Documents", "!/code", "node_modules", "*~"}}, out: []string{"Downloads/a", ".cache", "code/p/node_modules/x", "Documents/a~"}, taken: []string{"Documents/a", "code/p/main.c"}},
		{of: "restic", note: "once a folder is left out nothing in it comes back", spec: Spec{Exclude: []string{"dir", "!dir/keep"}}, out: []string{"dir/keep"}, taken: []string{"other"}},

		{of: "rclone", spec: Spec{Exclude: []string{"file.jpg"}}, out: []string{"file.jpg", "directory/file.jpg"}, taken: []string{"afile.jpg", "directory/afile.jpg"}},
		{of: "rclone", spec: Spec{Exclude: []string{"/file.jpg"}}, out: []string{"file.jpg"}, taken: []string{"afile.jpg", "directory/file.jpg"}},
		{of: "rclone", spec: Spec{Exclude: []string{"/excl/**"}}, out: []string{"excl/123.jpg", "excl/456.jpg"}, taken: []string{"incl/document.pdf", "excl"}},
		{of: "rclone", spec: Spec{Exclude: []string{"potato"}}, out: []string{"potato"}, taken: []string{"POTATO"}},
		{of: "rclone", spec: Spec{Include: []string{"*.jpg"}}, out: []string{"file.png", "dir/file.png"}, taken: []string{"file.jpg", "dir/file.jpg"}},
		{of: "rclone", spec: Spec{Include: []string{"/*.jpg"}}, out: []string{"file.png", "dir/file.jpg"}, taken: []string{"file.jpg", "file2.jpg"}},
		{of: "rclone", spec: Spec{Include: []string{"*.{jpg,png}"}}, out: []string{"file.gif", "dir/file.gif"}, taken: []string{"file.jpg", "dir/file.png"}},
		{of: "rclone", spec: Spec{Include: []string{"dir/**"}}, out: []string{"file.png", "subdir/file.png"}, taken: []string{"dir/anyfile", "subdir/dir/subsubdir/anyfile"}},
		{of: "rclone", spec: Spec{Include: []string{"*.t?t"}}, out: []string{"file.qxt", "dir/file.png"}, taken: []string{"file.txt", "dir/file.tzt"}},
		{of: "rclone", spec: Spec{Include: []string{"*.[a-z]"}}, out: []string{"file.0", "dir/file.1"}, taken: []string{"file.a", "dir/file.b"}},
		{of: "rclone", spec: Spec{Include: []string{`*.\?\?\?`}}, out: []string{"file.abc", "dir/file.def"}, taken: []string{"file.???", "dir/file.???"}},
		{of: "rclone", note: `\d\d\d is refused there: see TestRefused`, spec: Spec{Include: []string{"*.[0-9][0-9][0-9]"}}, out: []string{"file.abc"}, taken: []string{"file.012", "dir/file.345"}},
		{of: "rclone", spec: Spec{Exclude: []string{`*\[{JP,KR,HK}\]*`}}, out: []string{"x[JP].rom", "[HK]"}, taken: []string{"x[US].rom", "JP"}},
		{of: "rclone", spec: Spec{Include: []string{"{A,B}/**"}}, out: []string{"C/x"}, taken: []string{"A/x", "B/y/z"}},
		{of: "rclone", spec: Spec{Include: []string{"??[^[:punct:]]*"}}, out: []string{"ab-c", "ab"}, taken: []string{"abc", "ab1d"}},
		{of: "rclone", spec: Spec{Include: []string{"{dir1/**,dir2/**}"}}, out: []string{"dir3/x"}, taken: []string{"dir1/x", "dir2/y"}},
		{of: "rclone", note: "there a folder's rule alone lists no file", spec: Spec{Include: []string{"/directory/"}}, out: []string{"other", "directory"}, taken: []string{"directory/x"}},
		{of: "rclone", spec: Spec{Exclude: []string{"/dir1/", "/dir2/"}, Include: []string{"*.pdf"}}, out: []string{"dir1/a.pdf", "dir2/b/c.pdf", "a.txt"}, taken: []string{"a.pdf", "dir3/b.pdf"}},
		{of: "rclone", spec: Spec{Files: []string{"file1.jpg", "subdir/file2.jpg"}, Listed: true}, out: []string{"file2.jpg", "subdir/file1.jpg"}, taken: []string{"file1.jpg", "subdir/file2.jpg"}},
		{of: "restic", note: "a listed folder brings all that is in it", spec: Spec{Files: []string{"work/", "./a//b"}, Listed: true}, out: []string{"home/x", "a/c"}, taken: []string{"work/x/y", "a/b"}},
	} {
		s, err := New(e.spec, time.Now())
		if err != nil {
			t.Errorf("%s %+v: %v", e.of, e.spec, err)
			continue
		}
		for _, path := range e.out {
			if takes(s, path) {
				t.Errorf("%s %v %v: takes %s", e.of, e.spec.Exclude, e.spec.Include, path)
			}
		}
		for _, path := range e.taken {
			if !takes(s, path) {
				t.Errorf("%s %v %v: leaves %s out", e.of, e.spec.Exclude, e.spec.Include, path)
			}
		}
	}
}

// TestRefused: what one of the two programs reads in another way is refused, not guessed.
func TestRefused(t *testing.T) {
	for text, spec := range map[string]Spec{
		"regular expression": {Exclude: []string{"*.{{jpe?g}}"}}, "class by a letter": {Exclude: []string{`*.\d\d`}}, "no name": {Exclude: []string{"/"}},
		"empty": {Exclude: []string{""}}, "upwards": {Exclude: []string{"../x"}}, "open brace": {Exclude: []string{"{a,b"}}, "closed brace": {Exclude: []string{"a}"}},
		"open class": {Exclude: []string{"[a-"}}, "reversed": {Exclude: []string{"[z-a]"}}, "backslash": {Exclude: []string{`a\`}},
		"taking back": {Include: []string{"!a"}}, "NUL": {Exclude: []string{"a\x00"}}, "size without unit": {MaxSize: "1000"}, "age without unit": {MaxAge: "30"},
		"a mark with a path": {IfPresent: []string{"a/b"}}, "listed above": {Files: []string{"../x"}, Listed: true}, "listed with a root": {Files: []string{"/x"}, Listed: true},
		"nothing between": {MinSize: "2G", MaxSize: "1G"}, "unknown class": {Exclude: []string{"[[:word:]]"}}, "size not a number": {MaxSize: "NaNK"},
		"very many": {Exclude: []string{strings.Repeat("{a,b}", 11)}},
	} {
		if _, err := New(spec, time.Now()); err == nil {
			t.Errorf("%s: %+v is taken", text, spec)
		}
	}
}

// TestPatterns: what neither program's documents show.
func TestPatterns(t *testing.T) {
	for _, e := range []struct {
		pattern    string
		out, taken []string
	}{
		{"a**b", []string{"ab", "axb", "ax/y/zb", "q/a/b"}, []string{"ba", "a/c"}},
		{"***", []string{"x", "a/b"}, nil},
		{"x{,.bak}", []string{"x", "x.bak"}, []string{"x.b"}},
		{"{a,{b,c}d}e", []string{"ae", "bde", "cde"}, []string{"be"}},
		{`\!a`, []string{"!a"}, []string{"a"}},
		{`a\{b`, []string{"a{b"}, nil},
		{"[]a]", []string{"]", "a"}, []string{"b"}},
		{"[!a]", []string{"b"}, []string{"a", "bb"}},
		{"gr\u00fc?", []string{"gr\u00fcn"}, []string{"gr\u00fc"}},
		{"a?c", []string{"a\xffc", "aéc"}, []string{"a\xff\xfec"}},
		{"\xff*", []string{"\xffx"}, []string{"\xfex"}},
		{"dir/", []string{"dir/x", "a/dir/x"}, []string{"dir"}},
		{"a/*/c", []string{"a/b/c", "x/a/b/c/d"}, []string{"a/c", "a/b/b/c"}},
		{"[{,]x", []string{"{x", ",x"}, []string{"x"}},
	} {
		s, err := New(Spec{Exclude: []string{e.pattern}}, time.Now())
		if err != nil {
			t.Errorf("%q: %v", e.pattern, err)
			continue
		}
		for _, path := range e.out {
			if takes(s, path) {
				t.Errorf("%q takes %q", e.pattern, path)
			}
		}
		for _, path := range e.taken {
			if !takes(s, path) {
				t.Errorf("%q leaves %q out", e.pattern, path)
			}
		}
	}
}

// TestFiles: sizes and ages are judged at their bounds, and in binary multiples.
func TestFiles(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for _, e := range []struct {
		spec Spec
		size int64
		age  time.Duration
		rule string
	}{
		{Spec{MaxSize: "1G"}, 1 << 30, 0, ""}, {Spec{MaxSize: "1G"}, 1<<30 + 1, 0, "max-size 1G"}, {Spec{MinSize: "50k"}, 50 << 10, 0, ""},
		{Spec{MinSize: "50k"}, 50<<10 - 1, 0, "min-size 50k"}, {Spec{MaxSize: "1.5MiB"}, 3 << 19, 0, ""}, {Spec{MaxSize: "0B"}, 1, 0, "max-size 0B"},
		{Spec{MaxAge: "2d"}, 0, 48 * time.Hour, ""}, {Spec{MaxAge: "2d"}, 0, 48*time.Hour + 1, "max-age 2d"}, {Spec{MinAge: "2d"}, 0, 48 * time.Hour, ""},
		{Spec{MinAge: "2d"}, 0, 47 * time.Hour, "min-age 2d"}, {Spec{MinAge: "1h30m"}, 0, time.Hour, "min-age 1h30m"}, {Spec{MaxAge: "1M"}, 0, 31 * 24 * time.Hour, "max-age 1M"},
		{Spec{MaxAge: "2026-05-01T00:00:00Z"}, 0, 13 * time.Hour, "max-age 2026-05-01T00:00:00Z"}, {Spec{MaxAge: "1y"}, 0, -time.Hour, ""},
	} {
		s, err := New(e.spec, now)
		if err != nil {
			t.Errorf("%+v: %v", e.spec, err)
			continue
		}
		if rule := s.File(e.size, now.Add(-e.age)); rule != e.rule {
			t.Errorf("%+v, %d bytes, %v old: %q", e.spec, e.size, e.age, rule)
		}
	}
	s, _ := New(Spec{MaxAge: "2d"}, now)
	if s.At(now.Add(time.Hour)).File(0, now.Add(-48*time.Hour)) == "" || s.File(0, now.Add(-48*time.Hour)) != "" {
		t.Error("the moment that ages count from")
	}
}

// TestWay: folders that can lead to nothing that is taken are not looked into.
func TestWay(t *testing.T) {
	s, _ := New(Spec{Include: []string{"/a/b/*.jpg", "/x/**/y"}}, time.Now())
	for folder, want := range map[string]Verdict{"a": {Way: ruleInclude}, "a/b": {Way: ruleInclude}, "a/c": {Rule: ruleInclude}, "c": {Rule: ruleInclude}, "x/q/r": {Way: ruleInclude}} {
		if v := s.Path(folder, true); v != want {
			t.Errorf("%s: %+v", folder, v)
		}
	}
	s, _ = New(Spec{Files: []string{"a/b/c"}, Listed: true}, time.Now())
	for folder, want := range map[string]Verdict{"a": {Way: ruleListed}, "a/b": {Way: ruleListed}, "a/c": {Rule: ruleListed}, "b": {Rule: ruleListed}} {
		if v := s.Path(folder, true); v != want {
			t.Errorf("%s: %+v", folder, v)
		}
	}
}

// TestLines: how files with patterns and paths are read.
func TestLines(t *testing.T) {
	patterns, err := Patterns(strings.NewReader("# c\n\n  *.bak \r\nfoo bar\n a\\ \n;x\n"))
	if err != nil || strings.Join(patterns, "|") != `*.bak|foo bar|a\ |;x` {
		t.Errorf("%q %v", patterns, err)
	}
	paths, err := Paths(strings.NewReader("#c\n a \n\n./#n\n"))
	if err != nil || strings.Join(paths, "|") != " a |./#n" {
		t.Errorf("%q %v", paths, err)
	}
	paths, err = Paths0(strings.NewReader("a\nb\x00#c\x00\x00last"))
	if err != nil || strings.Join(paths, "|") != "a\nb|#c|last" {
		t.Errorf("%q %v", paths, err)
	}
	if _, err := Paths(strings.NewReader(strings.Repeat("x", maxLine+1))); err == nil {
		t.Error("a line without an end is taken")
	}
}

// TestDigest: the order of excludes counts, and nothing runs into its neighbour.
func TestDigest(t *testing.T) {
	seen := map[string]string{}
	for name, spec := range map[string]Spec{"ab": {Exclude: []string{"a", "b"}}, "ba": {Exclude: []string{"b", "a"}}, "joined": {Exclude: []string{"a\nexclude b"}},
		"include": {Include: []string{"a", "b"}}, "listed": {Files: []string{"a"}, Listed: true}, "listed more": {Files: []string{"a", "b"}, Listed: true}, "none listed": {Listed: true}} {
		s, err := New(spec, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if other := seen[s.Digest()]; other != "" {
			t.Errorf("%s and %s have one digest", name, other)
		}
		seen[s.Digest()] = name
	}
	if s, err := New(Spec{}, time.Now()); s != nil || err != nil || s.Digest() != "" || s.Path("a", false).Out() || s.File(1, time.Time{}) != "" {
		t.Error("no filter leaves something out")
	}
}

func FuzzPattern(f *testing.F) {
	for _, text := range []string{"a**b/{c,d}[!x]", `\*`, "[[:alpha:]]/**"} {
		f.Add(text, "a/b/c")
	}
	f.Fuzz(func(t *testing.T, text, path string) {
		s, err := New(Spec{Exclude: []string{text}, Include: []string{text}}, time.Time{})
		if err == nil {
			s.Path(path, true)
		}
	})
}
