package lint

import (
	"fmt"
	"slices"
	"strings"
)

// HeldBy names each test that a table of the documents says holds a rule, and that there is
// not, and each row of such a table that names no test and no quoted lie. Such a table's last
// column is called "held by".
func HeldBy(root string) ([]string, error) {
	all, err := pages(root)
	if err != nil {
		return nil, err
	}
	tests, err := testsBelow(root)
	var findings []string
	for _, p := range all {
		held := false
		for i, line := range p.lines {
			line = strings.TrimSpace(line)
			if p.code[i] || !strings.HasPrefix(line, "|") {
				held = false
				continue
			}
			row := cells(line)
			last := row[len(row)-1]
			switch {
			case last == "held by":
				held = true
			case held && !strings.HasPrefix(last, "---"):
				findings = append(findings, brokenHolds(fmt.Sprintf("%s:%d", p.name, i+1), last, tests)...)
			}
		}
	}
	return findings, err
}

func brokenHolds(place, cell string, tests map[string]bool) (findings []string) {
	named := testName.FindAllString(cell, -1)
	if len(named) == 0 && !strings.Contains(cell, `"`) {
		findings = append(findings, place+": the row names no test")
	}
	for _, test := range named {
		if !tests[test] {
			findings = append(findings, fmt.Sprintf("%s: there is no %s", place, test))
		}
	}
	slices.Sort(findings)
	return findings
}

// testsBelow are the names of all tests.
func testsBelow(root string) (map[string]bool, error) {
	tests := map[string]bool{}
	err := walk(root, func(name string, data []byte) error {
		if strings.HasSuffix(name, "_test.go") {
			for _, f := range testFunc.FindAllStringSubmatch(string(data), -1) {
				tests[f[1]] = true
			}
		}
		return nil
	})
	return tests, err
}
