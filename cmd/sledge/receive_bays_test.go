package main

import (
	"fmt"
	"os"
	"testing"
)

// TestReceiveSpareBays: with spare bays a stripe may lie on any of them, so that all bays
// but m are needed. A disk whose header is damaged is found by its shards; one that has
// none is missing.
func TestReceiveSpareBays(t *testing.T) {
	f := newField(t)
	for _, dir := range []string{"bay3", "bay4"} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f.sledge(0, "job", "create", "--device-key", "dev/device.pub", "--geometry", "2+1", "--bays", "5", "--target", "s3://bkt/x/", "--fips", "--expires", "1h", "--out", "five.dsse", "--code-out", "five")
	f.sledge(0, "unlock", "--job", "five.dsse", "--code-file", "five", "--allow-shared")
	for i := range 2 {
		f.write(fmt.Sprint("src/", i), "some bytes")
		f.sledge(0, "load", "src")
	}
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
	receive := []string{"receive", "--site", "site", "--label", "d.label", "--disk"}
	f.says(f.sledge(0, append(receive, "bay*")...), "5 here; any 4 are enough")
	f.says(f.sledge(exitDisks, append(receive, "bay0,bay1,bay2")...), "3 here, missing bays 3, 4; any 4 are enough", "1 more needed")
	f.write("bay0/sledge/disk.header", "not a header")
	f.says(f.sledge(0, append(receive, "bay0,bay1,bay2,bay3")...), "disk bay0: header is missing or damaged; by its shards it is bay 0", "4 here, missing bay 4; any 4 are enough")
	if got := f.answers(0, append(receive, "bay0,bay1,bay2,bay3")...); got["verdict"] != "fit" || got["disks_needed"] != 4.0 || fmt.Sprint(got["bays_missing"]) != "[4]" {
		t.Errorf("%v", got)
	}
	if err := os.RemoveAll("bay0/sledge/packs"); err != nil {
		t.Fatal(err)
	}
	f.says(f.sledge(0, append(receive, "bay0,bay1,bay2,bay3")...), "none of this device's shards", "3 here, missing bays 0, 4; these are enough") // no pack has shards on both
}
