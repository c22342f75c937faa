package main

import (
	"errors"
	"os"
	"strings"
	"testing"
)

// TestStatusSeesDisks: a status with disks says of each what can be seen of it, whatever
// the device's state is. Before the first unlock and after the seal the device needs no
// disk, so that nothing is wrong.
func TestStatusSeesDisks(t *testing.T) {
	f := newField(t)
	f.says(f.sledge(0, "status"), "state       provisioned", "disk        bay0: not mounted: nothing is mounted at bay0")
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.sledge(0, "lock")
	f.says(f.sledge(0, "status"), "state       locked", "disk        bay0: bay ", "disk        bay2: bay ", ", good")
	f.says(f.sledge(0, "status", "--disk", "bay0,bay1"), "missing     bay 2")

	if err := errors.Join(os.Rename("bay2", "away"), os.Mkdir("bay2", 0o700), os.Mkdir("empty", 0o700)); err != nil {
		t.Fatal(err)
	}
	f.says(f.sledge(exitDisks, "status"), "disk        bay0: bay 0, good", "disk        bay2: foreign", "missing     bay 2", "next        sledge unlock",
		"error: disk bay2: disk does not belong here", "hint: take the disk named above out")
	f.says(f.sledge(exitDisks, "status"), "next        sledge unlock --disk bay0,bay1 --device dev\n") // without the disk that is to be taken out
	f.says(f.sledge(exitDisks, "status", "--disk", "bay0,bay1,nowhere"), "disk        nowhere: not mounted", "hint: mount the disk")
	f.says(f.sledge(exitDisks, "status", "--json"), `{"name":"bay2","state":"foreign","text":"disk bay2: `, `"absent_bays":[2]`)
	f.sledge(exitUsage, "status", "--disk", "nothing*")

	f.sledge(0, "unlock", "--code-file", "code", "--disk", "bay0,bay1,away")
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label", "--disk", "bay0,bay1,away")
	says := f.sledge(0, "status")
	f.says(says, "state       sealed", "disk        bay1: bay 1, good", "disk        bay2: foreign: disk does not belong here", "missing     bay 2")
	if strings.Contains(says, "error:") {
		t.Error(says)
	}
	f.says(f.sledge(0, "status", "--disk", "nothing*"), "warning: ", "matches nothing", "state       sealed")
}
