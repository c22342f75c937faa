package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
}

// TestGoesOn: what was noticed is not tried again in the same tree, whatever its
// documents say; another tree, or another text of the break, is tried. What was not
// noticed is tried each time, and a line that a kill cut off counts for nothing.
func TestGoesOn(t *testing.T) {
	tree := testTree(t, goodBreak+lostBreak)
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(tree, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	left := func(breaks string) (names string) {
		t.Helper()
		all, err := parse(breaks)
		if err != nil {
			t.Fatal(err)
		}
		digest, err := treeDigest(tree)
		if err != nil {
			t.Fatal(err)
		}
		before, err := readLog(filepath.Join(tree, "build", "log"))
		if err != nil {
			t.Fatal(err)
		}
		r := &report{out: io.Discard}
		for _, b := range r.takeNoticed(all, before, digest) {
			names += b.name + " "
		}
		return names
	}
	write("docs.md", "a document")
	all, err := parse(goodBreak)
	if err != nil {
		t.Fatal(err)
	}
	digest, err := treeDigest(tree)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	if err := writeLog(&log, digest, trial{b: all[0], by: "m TestOne", took: time.Second}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(tree, "build"), 0o777); err != nil {
		t.Fatal(err)
	}
	keep := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(tree, "build", "log"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	keep(log.String())
	for _, step := range []struct {
		does   func()
		breaks string
		want   string
	}{
		{func() {}, goodBreak + lostBreak, "lost "},
		{func() { write("docs.md", "another document") }, goodBreak + lostBreak, "lost "},
		{func() { keep(log.String() + `{"Key":"cut`) }, goodBreak + lostBreak, "lost "},
		{func() {}, strings.Replace(goodBreak, "return 2", "return 5", 1), "good "},
		{func() {}, strings.Replace(goodBreak, "-run One", "-run TestOne", 1), "good "},
		{func() { keep(log.String()[:log.Len()/2]) }, goodBreak, "good "},
		{func() { keep(log.String()); write("m/x_test.go", "package m\n") }, goodBreak, "good "},
	} {
		step.does()
		if got := left(step.breaks); got != step.want {
			t.Errorf("left to try: %q, want %q of\n%s", got, step.want, step.breaks)
		}
	}
}

// TestEnd: a run has passed only if each break was tried and noticed.
func TestEnd(t *testing.T) {
	all, err := parse(goodBreak)
	if err != nil {
		t.Fatal(err)
	}
	good := trial{b: all[0], by: "m TestOne"}
	for _, tt := range []struct {
		trials []trial
		left   int
		want   bool
	}{
		{[]trial{good}, 1, true},
		{[]trial{good}, 2, false},
		{[]trial{good, {b: all[0]}}, 2, false},
		{[]trial{good, {b: all[0], err: errNotBuilt}}, 2, false},
		{[]trial{good, {b: all[0], by: "m TestOne", err: errors.New("red")}}, 2, false},
	} {
		r := &report{out: io.Discard, began: time.Now(), left: tt.left}
		for _, one := range tt.trials {
			r.tell(one)
		}
		if got := r.end(); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
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
