package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testTree is a module with a test and some breaks.
func testTree(t *testing.T, breaks string) string {
	t.Helper()
	tree := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":                      "module github.com/sledge-io/sledge\n\ngo 1.26\n",
		"m/m.go":                      "package m\n\nfunc one() int {\n\treturn 1\n}\n\nfunc two() int {\n\treturn 2\n}\n",
		"m/m_test.go":                 "package m\n\nimport \"testing\"\n\nfunc TestOne(t *testing.T) {\n\tif one() != 1 {\n\t\tt.Fatal()\n\t}\n}\n\nfunc TestRed(t *testing.T) {\n\tt.Fatal()\n}\n",
		"scripts/broken/breaks/a.txt": breaks,
	} {
		name = filepath.Join(tree, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}

const (
	goodBreak = "== good\nwhy\ntests: ./m -run One\n-- old\n\treturn 1\n-- new\n\treturn 2\n"
	lostBreak = "== lost\nwhy\ntests: ./m -run One\n-- old\n\treturn 2\n-- new\n\treturn 3\n"
	redBreak  = "== red\nwhy\ntests: ./m -run Red\n-- old\n\treturn 1\n-- new\n\treturn 2\n"
	badBreak  = "== bad\nwhy\ntests: ./m -run One\n-- old\n\treturn 1\n-- new\n\treturn x\n"
)

// TestRun: each break has its verdict, and a single one that is not noticed, whyever,
// is a failure.
func TestRun(t *testing.T) {
	tree := testTree(t, goodBreak+lostBreak+redBreak+badBreak)
	var out strings.Builder
	if ok, err := run(context.Background(), tree, options{jobs: 2}, &out); ok || err != nil {
		t.Errorf("%v, %v", ok, err)
	}
	for _, want := range []string{
		"noticed               1\n", "survived              1  lost\n", "did not build         1  bad\n",
		"red without it        1  red\n", "noticed by m TestOne", "undefined: x", "NOT NOTICED by go test ./m -run One",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not told in:\n%s", want, &out)
		}
	}
	for name, want := range map[string]bool{"good": true, "lost": false, "red": false, "bad": false} {
		if ok, err := run(context.Background(), tree, options{jobs: 1, names: []string{name}}, &out); ok != want || err != nil {
			t.Errorf("%s alone: %v, %v", name, ok, err)
		}
	}
}

// TestGoesOn: what was noticed is not tried again in the same tree, whatever its
// documents say; another tree, or another text of the break, is tried. What was not
// noticed is tried each time.
func TestGoesOn(t *testing.T) {
	tree := testTree(t, goodBreak+lostBreak)
	start := func(want string) {
		t.Helper()
		var out strings.Builder
		if ok, err := run(context.Background(), tree, options{jobs: 1}, &out); ok || err != nil {
			t.Errorf("%v, %v", ok, err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not told in:\n%s", want, &out)
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(tree, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	start("noticed               1\n")
	write("README.md", "a document")
	start("noticed               1  (1 by an earlier start)\n")
	write("scripts/broken/breaks/a.txt", strings.Replace(goodBreak, "return 2", "return 5", 1)+lostBreak)
	start("noticed               1\n")
	start("noticed               1  (1 by an earlier start)\n")
	write("m/x_test.go", "package m\n")
	start("noticed               1\n")
	if err := os.WriteFile(filepath.Join(tree, "build", "broken", "log"), []byte(`{"Key":"cut`), 0o666); err != nil {
		t.Fatal(err)
	}
	start("noticed               1\n")
}

// TestChangedTree: a result is not kept of a tree that was changed meanwhile.
func TestChangedTree(t *testing.T) {
	tree := testTree(t, goodBreak)
	r := &runner{root: tree, tree: "another", report: &report{out: &strings.Builder{}, left: 1}, sound: newSoundness(tree, t.TempDir())}
	var err error
	if r.sources, err = readSources(tree); err != nil {
		t.Fatal(err)
	}
	all, err := parse(goodBreak)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.tryAll(context.Background(), all, 1); err == nil || !strings.Contains(err.Error(), "the tree was changed") {
		t.Error(err)
	}
	if r.report.end() {
		t.Error("a run that was ended has passed")
	}
}

func TestChoose(t *testing.T) {
	all, err := parse(goodBreak + lostBreak + redBreak)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		o    options
		want int
	}{{options{}, 3}, {options{only: "o"}, 2}, {options{only: "^Red$"}, 1}, {options{names: []string{"red", "lost"}}, 2}, {options{names: []string{"red"}, only: "lost"}, 0}, {options{names: []string{"re"}}, 0}, {options{only: "("}, 0}} {
		breaks, err := tt.o.choose(all)
		if len(breaks) != tt.want || (err == nil) != (tt.want > 0) {
			t.Errorf("%+v: %d, %v", tt.o, len(breaks), err)
		}
	}
}
