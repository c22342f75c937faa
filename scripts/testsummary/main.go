// Command testsummary turns the stream of "go test -json" on its standard input into a
// report for people: a line for each package, the output of what failed, every
// skipped test by name with its reason, what tests logged as "figure: …", and one
// last line with the counts. It
// exits 1 if anything failed, did not finish or did not build, or if fewer
// tests passed than -min.
//
//	go test -json ./... | testsummary [-min N]
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	minPassed := flag.Int("min", 1, "fail unless at least `N` tests passed")
	flag.Parse()
	if !summarize(os.Stdin, os.Stdout, *minPassed) {
		os.Exit(1)
	}
}

// An event is one line of test2json, as "go doc test2json" describes it.
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build events
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// A testID names a test; the name is empty for the package itself.
type testID struct{ pkg, name string }

func (id testID) String() string { return shortPath(id.pkg) + " " + id.name }

type summary struct {
	out    io.Writer
	output map[testID][]string // of what has not ended
	build  map[string][]string // compiler messages by import path

	passed          int
	failed, skipped []string
	figures         []string
}

// summarize reports whether everything passed. Lines that are no events, such
// as those of the go command itself, pass through.
func summarize(in io.Reader, out io.Writer, minPassed int) bool {
	s := &summary{out: out, output: map[testID][]string{}, build: map[string][]string{}}
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		var e event
		switch {
		case strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &e) == nil:
			s.add(e)
		case strings.TrimSpace(line) != "":
			fmt.Fprintln(out, strings.TrimRight(line, "\n"))
		}
		if err != nil {
			break
		}
	}
	return s.end(minPassed)
}

func (s *summary) add(e event) {
	id := testID{e.Package, e.Test}
	switch e.Action {
	case "output":
		s.output[id] = append(s.output[id], e.Output)
		if _, figure, ok := strings.Cut(e.Output, ": figure: "); ok {
			s.figures = append(s.figures, fmt.Sprintf("%s: %s", id, strings.TrimSpace(figure)))
		}
	case "build-output":
		s.build[e.ImportPath] = append(s.build[e.ImportPath], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.endPackage(e)
		} else {
			s.endTest(id, e.Action)
		}
	}
}

func (s *summary) endTest(id testID, action string) {
	switch action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped = append(s.skipped, fmt.Sprintf("%s: %s", id, reason(s.output[id])))
	case "fail":
		s.failed = append(s.failed, id.String())
		s.print(s.output[id])
	}
	delete(s.output, id)
}

func (s *summary) endPackage(e event) {
	id := testID{pkg: e.Package}
	switch e.Action {
	case "pass":
		fmt.Fprintf(s.out, "ok    %-40s %6.1fs\n", shortPath(e.Package), e.Elapsed)
	case "fail":
		s.print(s.build[e.FailedBuild])
		s.endUnfinished(e.Package)
		s.print(s.output[id])
		fmt.Fprintf(s.out, "FAIL  %-40s %6.1fs\n", shortPath(e.Package), e.Elapsed)
		if !slices.ContainsFunc(s.failed, func(name string) bool { return strings.HasPrefix(name, shortPath(e.Package)+" ") }) {
			s.failed = append(s.failed, shortPath(e.Package))
		}
	}
	delete(s.output, id)
}

// endUnfinished fails the tests of the package that began and never ended: a
// panic or the time limit took them.
func (s *summary) endUnfinished(pkg string) {
	var unfinished []testID
	for id := range s.output {
		if id.pkg == pkg && id.name != "" {
			unfinished = append(unfinished, id)
		}
	}
	slices.SortFunc(unfinished, func(a, b testID) int { return strings.Compare(a.name, b.name) })
	for _, id := range unfinished {
		s.print(s.output[id])
		s.failed = append(s.failed, id.String()+" (did not finish)")
		delete(s.output, id)
	}
}

// end prints the totals and reports whether everything passed.
func (s *summary) end(minPassed int) bool {
	for id := range s.output {
		s.endUnfinished(id.pkg)
	}
	if len(s.figures) > 0 {
		slices.Sort(s.figures)
		fmt.Fprintf(s.out, "\nfigures (commit %s):\n", commit())
		s.list(s.figures)
	}
	if len(s.skipped) > 0 {
		fmt.Fprintf(s.out, "\nskipped tests: %d\n", len(s.skipped))
		s.list(s.skipped)
	}
	if len(s.failed) > 0 {
		fmt.Fprintf(s.out, "\nfailed tests: %d\n", len(s.failed))
		s.list(s.failed)
	}
	fmt.Fprintf(s.out, "\ntests: %d passed, %d failed, %d skipped\n", s.passed, len(s.failed), len(s.skipped))
	if s.passed < minPassed {
		fmt.Fprintf(s.out, "tests: at least %d must pass; see the lines above for why they did not run\n", minPassed)
		return false
	}
	return len(s.failed) == 0
}

// commit names what was tested.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func (s *summary) print(lines []string) { fmt.Fprint(s.out, strings.Join(lines, "")) }

func (s *summary) list(lines []string) {
	for _, line := range lines {
		fmt.Fprintf(s.out, "  %s\n", line)
	}
}

// reason finds the words of t.Skip in a test's output: "    file_test.go:12: words".
func reason(output []string) string {
	for _, line := range slices.Backward(output) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		if _, words, ok := strings.Cut(line, ": "); ok {
			return words
		}
		return line
	}
	return "no reason given"
}

// shortPath leaves the host and owner out of an import path.
func shortPath(pkg string) string {
	if parts := strings.SplitN(pkg, "/", 4); len(parts) > 2 && strings.Contains(parts[0], ".") {
		return strings.Join(parts[2:], "/")
	}
	return pkg
}
