package main

import (
	"os"
	"strings"
	"testing"
)

// TestRebuildHints: the hints that lead to a rebuild lead out.
func TestRebuildHints(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	if err := os.Mkdir("new", 0o700); err != nil {
		t.Fatal(err)
	}
	f.says(f.sledge(exitUsage, "rebuild", "--replace", "new", "--allow-shared"), "no bay is missing", "leave the bad disk out of --disk")
	f.says(f.sledge(exitUsage, "rebuild", "--replace", "new", "--bay", "1", "--allow-shared"), "bay 1 is not missing", "leave the bad disk out of --disk")
	f.says(f.sledge(exitUsage, "rebuild", "--replace", "new", "--bay", "9", "--disk", "bay0,bay1", "--allow-shared"), "bays 0 to 2", "hint: ")
	f.says(f.sledge(exitUsage, "seal", "--wrap-unchecked", "--absent", "9"), "bays 0 to 2", "hint: ")
	f.says(f.sledge(exitUsage, "seal", "--wrap-unchecked", "--absent", "1"), "bay1", "hint: ")
	f.says(f.sledge(exitDisks, "unlock", "--code-file", "code", "--disk", "bay*,new"), "4 given, the job is for 3", "hint: ")
	if err := os.Rename("bay1", "away"); err != nil {
		t.Fatal(err)
	}
	f.says(f.sledge(exitDisks, "status", "--disk", "bay0,bay1,bay2"), "not mounted")
}

// TestTooFewDisksHint: where a rebuild helps the hint names it, and it does; with fewer
// disks the hint names none.
func TestTooFewDisksHint(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	if err := os.Mkdir("new", 0o700); err != nil {
		t.Fatal(err)
	}
	if says := f.sledge(exitDisks, "load", "src", "--disk", "bay0"); strings.Contains(says, "rebuild") {
		t.Errorf("with one disk of three no rebuild is possible: %s", says)
	}
	f.says(f.sledge(exitDisks, "load", "src", "--disk", "bay0,bay2"), "too few disks", "gone for good", "sledge rebuild --replace NEW")
	f.sledge(0, "rebuild", "--replace", "new", "--disk", "bay0,bay2", "--allow-shared")
	f.sledge(0, "load", "src", "--disk", "bay0,new,bay2")
}
