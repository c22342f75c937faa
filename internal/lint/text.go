package lint

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// maxLines bounds a Go file that is not a test. Good files have one noun and
// 100 to 400 lines; this is where a second noun has surely moved in.
const maxLines = 900

// Sizes names the Go files that have grown beyond maxLines.
func Sizes(tree *Tree) []string {
	var findings []string
	for _, file := range tree.Files {
		if !file.Test() && file.Lines > maxLines {
			findings = append(findings, fmt.Sprintf("%s: %d lines, more than %d: split it by its nouns", file.Path, file.Lines, maxLines))
		}
	}
	return findings
}

// machinePath matches a path that exists on one person's machine only. Examples
// in docs use /srv or /mnt.
var machinePath = regexp.MustCompile(`(?:^|[^\w./*-])/(?:work|root|(?:home|Users)/\w[\w.-]*)/`)

// MachinePaths names every place in the module's text files, below root, that
// holds a path of someone's machine: a home folder, a work folder.
func MachinePaths(root string) ([]string, error) {
	home, _ := os.UserHomeDir()
	var findings []string
	err := walk(root, func(name string, data []byte) error {
		if bytes.IndexByte(data, 0) >= 0 {
			return nil
		}
		number := 0
		for line := range strings.Lines(string(data)) {
			number++
			if found := pathIn(line, home); found != "" {
				findings = append(findings, fmt.Sprintf("%s:%d: names a path of one machine: %s", name, number, found))
			}
		}
		return nil
	})
	return findings, err
}

func pathIn(line, home string) string {
	if len(home) > 1 && strings.Contains(line, home+"/") {
		return home + "/"
	}
	return strings.TrimSpace(machinePath.FindString(line))
}
