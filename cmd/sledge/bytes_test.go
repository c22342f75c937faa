package main

import (
	"errors"
	"os"
	"regexp"
	"testing"
)

// TestBytesAgree: every figure of bytes counts a file once for each of its names, and a
// symbolic link by its target; extract counts what it writes.
func TestBytesAgree(t *testing.T) {
	f := newField(t)
	if err := errors.Join(os.Link("src/a", "src/further name"), os.Symlink("a", "src/link")); err != nil {
		t.Fatal(err)
	}
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	bytes := regexp.MustCompile(`"bytes":(\d+)`)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"11", []string{"load", "src"}},
		{"11", []string{"status"}},
		{"", []string{"seal", "--wrap-unchecked", "--label-out", "d.label"}},
		{"11", []string{"list", "--label", "d.label"}},
		{"5", []string{"extract", "back", "--label", "d.label"}},
	} {
		says := f.sledge(0, append(c.args, "--json", "-q")...)
		if got := bytes.FindStringSubmatch(says); c.want != "" && (got == nil || got[1] != c.want) {
			t.Errorf("%s: %q, want %s", c.args[0], got, c.want)
		}
	}
}
