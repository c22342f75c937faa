package main

import (
	"strings"
	"testing"
)

// TestListNames: no list writes what a terminal would obey, wherever it goes, and a name
// makes no line of its own; -0 and --json have the exact bytes.
func TestListNames(t *testing.T) {
	f := newField(t)
	evil := "red\x1b[31m\nsafe \u202egnp"
	f.write("src/"+evil, "x")
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src", "--accept-findings")
	escaped, raw := `red\x1b[31m\nsafe \u202egnp`, `"path_raw":"cmVkG1szMW0Kc2FmZSDigK5nbnA="`
	quiet := func(says string) {
		t.Helper()
		if strings.ContainsAny(says, "\x1b\u202e") {
			t.Errorf("%q", says)
		}
		f.says(says, escaped)
	}
	quiet(f.sledge(0, "status", "--list"))
	f.says(f.sledge(0, "status", "--list", "--json"), raw)
	if says := f.sledge(0, "status", "--list", "-0"); says != "safe                  5 a\x00safe                  1 "+evil+"\x00" {
		t.Errorf("%q", says)
	}
	f.says(f.sledge(exitUsage, "status", "-0"), "--print0 is of --list")

	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
	quiet(f.sledge(0, "list", "--label", "d.label"))
	quiet(f.sledge(0, "list", "-l", "--label", "d.label"))
	f.says(f.sledge(0, "list", "--json", "--label", "d.label"), raw)
	if says := f.sledge(0, "list", "-0", "--label", "d.label"); says != "a\x00"+evil+"\x00" {
		t.Errorf("%q", says)
	}
}
