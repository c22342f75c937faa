package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// propertiesFile has the table of the properties that P and a number stand for.
const propertiesFile = "docs/threat-model.md"

var (
	propertyRow  = regexp.MustCompile(`(?m)^\| (P\d+) \|.*\| (.*) \|$`)
	propertyName = regexp.MustCompile(`\bP([1-9]\d?)(?:–P?([1-9]\d?))?\b`)
	testName     = regexp.MustCompile(`\b(?:Test|Fuzz)[A-Z]\w*`)
	testFunc     = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Z]\w*)\(`)
)

// Properties names each number of a property, in the documents and in Go comments
// below root, that the table does not have, each that it has twice, and each test of
// the table that there is not.
func Properties(root string) ([]string, error) {
	defined, wanted, tests := map[string]bool{}, map[string]string{}, map[string]bool{}
	type use struct{ name, file string }
	var used []use
	var findings []string
	err := walk(root, func(name string, data []byte) error {
		text := string(data)
		switch {
		case name == propertiesFile:
			for _, row := range propertyRow.FindAllStringSubmatch(text, -1) {
				if defined[row[1]] {
					findings = append(findings, fmt.Sprintf("%s: %s stands there twice", name, row[1]))
				}
				defined[row[1]] = true
				for _, test := range testName.FindAllString(row[2], -1) {
					wanted[test] = row[1]
				}
			}
		case strings.HasSuffix(name, "_test.go"):
			for _, f := range testFunc.FindAllStringSubmatch(text, -1) {
				tests[f[1]] = true
			}
		}
		for _, p := range propertiesIn(name, text) {
			used = append(used, use{p, name})
		}
		return nil
	})
	for _, u := range used {
		if !defined[u.name] {
			findings = append(findings, fmt.Sprintf("%s: %s is not in the table of %s", u.file, u.name, propertiesFile))
		}
	}
	for test, property := range wanted {
		if !tests[test] {
			findings = append(findings, fmt.Sprintf("%s: %s: there is no %s", propertiesFile, property, test))
		}
	}
	slices.Sort(findings)
	return slices.Compact(findings), err
}

// propertiesIn are the properties that a document, or the comments of a Go file, name.
func propertiesIn(name, text string) (all []string) {
	for line := range strings.Lines(text) {
		switch {
		case strings.HasSuffix(name, ".go"):
			_, comment, ok := strings.Cut(line, "//")
			if !ok {
				continue
			}
			line = comment
		case !strings.HasSuffix(name, ".md"):
			return nil
		}
		for _, p := range propertyName.FindAllStringSubmatch(line, -1) {
			all = append(all, "P"+p[1])
			if p[2] != "" {
				all = append(all, "P"+p[2])
			}
		}
	}
	return all
}
