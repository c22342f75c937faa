package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const root = "../.."

// TestBreaksApply: the deliberate breaks of make broken fit the tree, so that they are
// found to be stale by who changes the code, and not by who breaks it next.
func TestBreaksApply(t *testing.T) {
	breaks, err := readBreaks(filepath.Join(root, "scripts", "broken", "breaks"))
	if err != nil || len(breaks) < 3 {
		t.Fatalf("%d breaks, %v", len(breaks), err)
	}
	sources, err := readSources(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range breaks {
		if _, err := b.apply(sources); err != nil {
			t.Error(err)
		}
	}
}

// TestTry: a break is noticed by the test that fails, a change that no test sees is
// not, and one that does not build is an error.
func TestTry(t *testing.T) {
	tree := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":    "module example.com/m\n\ngo 1.26\n",
		"m.go":      "package m\n\nfunc one() int {\n\treturn 1\n}\n",
		"m_test.go": "package m\n\nimport \"testing\"\n\nfunc TestOne(t *testing.T) {\n\tif one() != 1 {\n\t\tt.Fatal()\n\t}\n}\n",
	} {
		if err := os.WriteFile(filepath.Join(tree, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	sources, err := readSources(tree)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ new, by, err string }{
		{"\treturn 2\n", "example.com/m TestOne", ""},
		{"\treturn 2 - 1\n", "", ""},
		{"\treturn x\n", "", "undefined: x"},
		{"\tgo func() { panic(1) }()\n\tselect {}\n", "example.com/m TestOne", ""},
	} {
		b := &brk{name: "b", edits: []edit{{"\treturn 1\n", tt.new}}}
		files, err := b.apply(sources)
		if err != nil {
			t.Fatal(err)
		}
		by, err := try(context.Background(), tree, files, []string{"."})
		if by != tt.by || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: noticed by %q, %v", tt.new, by, err)
		}
	}
	if err := newSoundness(tree, t.TempDir()).test(context.Background(), ". TestOne"); err != nil {
		t.Error(err)
	}
	if err := newSoundness(tree, t.TempDir()).test(context.Background(), ". TestNone"); err == nil || !strings.Contains(err.Error(), "is not run without it") {
		t.Errorf("a test that is not there: %v", err)
	}
	if err := os.WriteFile(filepath.Join(tree, "m.go"), []byte("package m\n\nfunc one() int { return 2 }\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := newSoundness(tree, t.TempDir()).test(context.Background(), ". TestOne"); err == nil || !strings.Contains(err.Error(), "is red without it") {
		t.Errorf("a test that is red without a break: %v", err)
	}
	for _, e := range []edit{{"return 1\n", "x\n"}, {"\treturn 3\n", "x\n"}} {
		if _, err := (&brk{edits: []edit{e}}).apply(sources); err == nil {
			t.Errorf("%q was found", e.old)
		}
	}
}

func TestParse(t *testing.T) {
	good := "== a\nwhy it matters\ntests: ./x -run T\n-- old\n\ta\n-- new\n\n== b\nwhy\ntests: .\n-- old\nc\n-- new\nd\n-- old\ne\n-- new\n"
	all, err := parse(good)
	if err != nil || len(all) != 2 || len(all[1].edits) != 2 || all[0].edits[0] != (edit{"\ta\n", "\n"}) || all[1].tests[0] != "." {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, bad := range []string{"x\n== a\n", "== a\nwhy\n-- old\na\n-- new\nb\n", "== a\nwhy\ntests: .\n", "== a\nwhy\ntests: .\n-- old\na\n-- new\na\n", "== a\nwhy\ntests: .\n-- new\na\n"} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestApplyOnce: a break is applied where its old text is, and nowhere if that is there
// twice or not at all.
func TestApplyOnce(t *testing.T) {
	sources := map[string]string{"a.go": "x\n\ty\n", "b.go": "x\nz\n"}
	for old, want := range map[string]string{"\ty\n": "x\nnew\n", "x\n": "", "y\n": "", "q\n": ""} {
		files, err := (&brk{name: "b", edits: []edit{{old, "new\n"}}}).apply(sources)
		if (err == nil) != (want != "") || err == nil && files["a.go"] != want {
			t.Errorf("%q: %q, %v", old, files, err)
		}
	}
}
