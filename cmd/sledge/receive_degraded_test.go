package main

import (
	"fmt"
	"os"
	"testing"
)

// TestReceiveDegraded: what a device was sealed without counts: the number of disks that
// is said to be enough is true of the worst pack, and "fit" is said of disks that can
// give back every pack.
func TestReceiveDegraded(t *testing.T) {
	f := newField(t)
	if err := os.Mkdir("bay3", 0o700); err != nil {
		t.Fatal(err)
	}
	f.sledge(0, "job", "create", "--device-key", "dev/device.pub", "--geometry", "2+2", "--target", "s3://bkt/x/", "--fips", "--expires", "1h", "--out", "four.dsse", "--code-out", "four")
	f.sledge(0, "unlock", "--job", "four.dsse", "--code-file", "four", "--allow-shared")
	f.write("src/a", "some bytes")
	f.sledge(0, "load", "src")
	f.write("src/b", "more bytes")
	f.sledge(exitDiskFailed, "load", "src", "--disk", "bay0,bay1,bay2")
	f.sledge(0, "seal", "--degraded", "--wrap-unchecked", "--label-out", "d.label")
	receive := []string{"receive", "--site", "site", "--label", "d.label", "--disk"}
	f.says(f.sledge(0, append(receive, "bay*")...), "4 here; any 3 are enough")
	f.says(f.sledge(0, append(receive, "bay0,bay1,bay3")...), "3 here, missing bay 2; any 3 are enough")
	f.says(f.sledge(exitDisks, append(receive, "bay0,bay3")...), "2 here, missing bays 1, 2; any 3 are enough", "1 more needed", "1 of ")
	f.says(f.sledge(0, append(receive, "bay0,bay1")...), "2 here, missing bays 2, 3; these are enough")
	if got := f.answers(exitDisks, append(receive, "bay0,bay3")...); got["verdict"] != "disks missing" || got["disks_needed"] != 3.0 || fmt.Sprint(got["packs_missing"]) != "1" {
		t.Errorf("%v", got)
	}
}
