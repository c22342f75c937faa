package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A brk is one deliberate break.
type brk struct {
	name  string
	why   string   // what a user would lose
	tests []string // arguments of go test: packages, then -run PATTERN
	edits []edit
}

// An edit replaces a text that the tree's Go files hold once, wherever it is.
type edit struct{ old, new string }

// readBreaks reads all files of breaks in a folder. A break begins with "== NAME", then
// come a line that says what is broken, one "tests: ARGUMENTS", and its edits: "-- old",
// whole lines, "-- new", whole lines or none.
func readBreaks(folder string) ([]*brk, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		return nil, err
	}
	var all []*brk
	seen := map[string]bool{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		some, err := parse(string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, b := range some {
			if seen[b.name] {
				return nil, fmt.Errorf("%s: a second break is named %s", name, b.name)
			}
			seen[b.name] = true
		}
		all = append(all, some...)
	}
	return all, nil
}

func parse(text string) (all []*brk, err error) {
	var b *brk
	var into *string
	for n, line := range strings.SplitAfter(text, "\n") {
		word, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch {
		case word == "==":
			b, into = &brk{name: rest}, nil
			all = append(all, b)
		case b == nil && strings.TrimSpace(line) != "":
			return nil, fmt.Errorf("line %d is before the first break", n+1)
		case word == "--" && rest == "old":
			b.edits = append(b.edits, edit{})
			into = &b.edits[len(b.edits)-1].old
		case word == "--" && rest == "new" && len(b.edits) > 0:
			into = &b.edits[len(b.edits)-1].new
		case into != nil:
			*into += line
		case word == "tests:":
			b.tests = strings.Fields(rest)
		case b != nil && b.why == "":
			b.why = strings.TrimSpace(line)
		}
	}
	for _, b := range all {
		if b.why == "" || len(b.tests) == 0 || len(b.edits) == 0 {
			return nil, fmt.Errorf("%s lacks its reason, its tests or its edits", b.name)
		}
		for i := range b.edits {
			e := &b.edits[i]
			e.old, e.new = strings.TrimRight(e.old, "\n")+"\n", strings.TrimRight(e.new, "\n")+"\n"
			if e.old == "\n" || e.old == e.new {
				return nil, fmt.Errorf("%s: edit %d changes nothing", b.name, i+1)
			}
		}
	}
	return all, nil
}

// readSources reads the Go files below root that are no tests: text by path.
func readSources(root string) (map[string]string, error) {
	sources := map[string]string{}
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "build" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && name != root):
			return fs.SkipDir
		case d.Type().IsRegular() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go"):
			text, err := os.ReadFile(name)
			sources[name] = string(text)
			return err
		}
		return nil
	})
	return sources, err
}

// apply gives the files that the break changes: new text by path.
func (b *brk) apply(sources map[string]string) (map[string]string, error) {
	changed := map[string]string{}
	var errs []error
	for i, e := range b.edits {
		in, count, line := "", 0, "\n"+e.old
		for name, text := range sources {
			n := strings.Count(text, line)
			if strings.HasPrefix(text, e.old) {
				n++
			}
			if n > 0 {
				in, count = name, count+n
			}
		}
		if count != 1 {
			errs = append(errs, fmt.Errorf("%s: the old text of edit %d is there %d times, not once", b.name, i+1, count))
			continue
		}
		text, ok := changed[in]
		if !ok {
			text = sources[in]
		}
		changed[in] = strings.TrimPrefix(strings.Replace("\n"+text, line, "\n"+e.new, 1), "\n")
	}
	return changed, errors.Join(errs...)
}
