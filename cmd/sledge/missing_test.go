package main

import (
	"os"
	"testing"
)

// TestBayMissing: unlock and load say that a bay is missing, and a load that wrote packs
// without it does not end as one that is whole.
func TestBayMissing(t *testing.T) {
	f := newField(t)
	if err := os.Mkdir("bay3", 0o700); err != nil {
		t.Fatal(err)
	}
	f.sledge(0, "job", "create", "--device-key", "dev/device.pub", "--geometry", "2+2", "--target", "s3://bkt/x/", "--fips", "--out", "job4.dsse", "--code-out", "code4")
	f.sledge(0, "unlock", "--job", "job4.dsse", "--code-file", "code4", "--allow-shared")
	f.sledge(0, "lock")
	f.says(f.sledge(0, "unlock", "--code-file", "code4", "--disk", "bay0,bay1,bay2"), "with 3 of 4 disks", "less parity")
	f.says(f.sledge(0, "unlock", "--code-file", "code4", "--disk", "bay0,bay1"), "with 2 of 4 disks", "nothing can be loaded or sealed with fewer than 3")
	f.says(f.sledge(exitDisks, "load", "src", "--disk", "bay0,bay1"), "2 of 4 are here, 3 are needed; missing: bays 2, 3")
	f.says(f.sledge(exitDiskFailed, "load", "src", "--disk", "bay0,bay1,bay2"), "bay 3 of 4 is missing", "with less parity", "sledge rebuild --replace NEW")
	f.says(f.sledge(exitDisks, "seal", "--wrap-unchecked", "--disk", "bay0,bay1,bay2"), "missing")
}
