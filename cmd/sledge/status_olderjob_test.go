package main

import (
	"strings"
	"testing"
)

// TestOlderJobIsNoBadDisk: a disk that was away while the device took a newer job file lacks
// nothing. Every next step names it, no hint makes its shards again, and the next load gives
// it the file.
func TestOlderJobIsNoBadDisk(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.sledge(0, "job", "extend", "job.dsse", "--expires", "90d", "--out", "job2.dsse")
	f.sledge(0, "unlock", "--job", "job2.dsse", "--code-file", "code", "--disk", "bay0,bay1")
	says := f.sledge(exitDamage, "status")
	f.says(says, "its job file has serial 1, the device's 2", "hint: name all disks, this one too")
	if strings.Contains(says, "rebuild") || strings.Contains(says, "--disk bay0,bay1 ") || strings.Contains(says, "--disk bay0,bay1\n") {
		t.Errorf("the disk is left out, or made again:\n%s", says)
	}
	f.sledge(0, "load", "src")
	f.says(f.sledge(0, "status"), "disk        bay2: bay ", ", good")
}
