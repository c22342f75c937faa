package main

import (
	"os"
	"testing"
)

// TestPatternCaughtTooMuch: what a pattern of --disk has caught beside the device's disks is
// named; disks of the label's device are found among those of another one.
func TestPatternCaughtTooMuch(t *testing.T) {
	f, _, _ := sealedField(t)
	f.sledge(0, "device", "init", "--trust", "site/signer.pub", "--device", "dev2")
	f.sledge(0, "job", "create", "--device-key", "dev2/device.pub", "--geometry", "2+1", "--target", "s3://bkt/y/", "--fips", "--expires", "1h", "--out", "job2.dsse", "--code-out", "code2")
	for _, dir := range []string{"other0", "other1", "other2", "mnt", "mnt/with space"} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f.sledge(0, "unlock", "--device", "dev2", "--disk", "other*", "--job", "job2.dsse", "--code-file", "code2", "--allow-shared")
	f.sledge(0, "load", "src", "--device", "dev2", "--disk", "other*")
	f.sledge(0, "seal", "--device", "dev2", "--disk", "other*", "--wrap-unchecked", "--label-out", "e.label")
	for _, name := range []string{"bay0", "bay1", "bay2", "other0", "other1", "other2"} {
		if err := os.Rename(name, "mnt/"+name); err != nil {
			t.Fatal(err)
		}
	}
	for label, others := range map[string]string{"d.label": "mnt/other0, mnt/other1, mnt/other2", "e.label": "mnt/bay0, mnt/bay1, mnt/bay2"} {
		for _, verb := range [][]string{{"receive"}, {"list"}} {
			says := f.sledge(0, append(verb, "--site", "site", "--label", label, "--disk", "mnt/*")...)
			f.says(says, "warning: of another device than the label, and left out: "+others, "disk mnt/with space: no sledge folder in it")
		}
	}
	f.write("mnt/list.txt", "")
	f.write("mnt/notes.txt", "")
	f.says(f.sledge(exitUsage, "receive", "--site", "site", "--label", "d.label", "--disk", "mnt/*"),
		"disk mnt/list.txt, mnt/notes.txt: not a folder", "hint: --disk 'mnt/*' has caught it")
	f.says(f.sledge(0, "status", "--disk", "mnt/bay*,mnt/notes.txt"), "disk        mnt/notes.txt: not mounted: it is a file, and no folder")
}
