package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance"
)

// TestReadingVerbsDenyNothing: a prefix that no path begins with, a length below nothing, a
// folder that another extract works in are no success; offset and length are of links, too.
// A load takes nothing that the device itself has written.
func TestReadingVerbsDenyNothing(t *testing.T) {
	f := newField(t)
	if err := os.Symlink("0123456789", "src/link"); err != nil {
		t.Fatal(err)
	}
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	apart(f)
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")

	for _, prefix := range []string{"/", "/a", "./a", "aa", "nowhere/"} {
		f.says(f.sledge(exitNotFound, "list", prefix, "--label", "d.label"), "no path begins with it", "no leading slash")
		f.says(f.sledge(exitNotFound, "extract", "none", "--prefix", prefix, "--label", "d.label"), "no path begins with it", "no leading slash")
		f.says(f.sledge(exitNotFound, "export-list", prefix, "--label", "d.label", "--out", "none.list"), "no path begins with it", "no leading slash")
	}
	f.sledge(0, "list", "a", "--label", "d.label")
	f.sledge(0, "extract", "back", "--prefix", "a", "--label", "d.label")

	f.says(f.sledge(exitUsage, "cat", "a", "--length", "-1", "--label", "d.label"), "--length -1 is negative")
	f.says(f.sledge(exitUsage, "cat", "a", "--offset", "-1", "--label", "d.label"), "--offset -1 is negative")
	for _, c := range []struct{ path, offset, length, want string }{
		{"link", "0", "100", "0123456789"}, {"link", "3", "4", "3456"}, {"link", "8", "9", "89"}, {"link", "10", "1", ""}, {"link", "11", "1", ""},
		{"link", "2", "0", ""}, {"a", "1", "3", "ell"}, {"a", "9", "3", ""}, {"a", "0", "0", ""},
	} {
		if code, says := f.try("cat", c.path, "--offset", c.offset, "--length", c.length, "--label", "d.label", "-q"); code != 0 || says != c.want {
			t.Errorf("%s from %s, %s: exit %d, %q", c.path, c.offset, c.length, code, says)
		}
	}
	if code, says := f.try("cat", "link", "--offset", "4", "--label", "d.label", "-q"); code != 0 || says != "456789" {
		t.Errorf("exit %d, %q", code, says)
	}

	busy, err := os.Open("back")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	if err := syscall.Flock(int(busy.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	f.says(f.sledge(exitBusy, "extract", "back", "--label", "d.label"), "another sledge command is at work in this folder", "extract into another folder")
}

// apart loads what the device writes, and what somebody else keeps on a disk.
func apart(f *field) {
	own := filepath.Join("bay1", appliance.Root)
	if err := os.Symlink(own, "alias"); err != nil {
		f.t.Fatal(err)
	}
	for _, source := range []string{own, filepath.Join(own, "packs"), "alias"} {
		f.says(f.sledge(exitUsage, "load", source), "lies in", "the device's own")
	}
	for _, source := range []string{"bay1", ".", "dev"} {
		f.says(f.sledge(exitUsage, "load", source), "holds", "the device's own")
	}
	if err := os.MkdirAll("bay1/others", 0o700); err != nil {
		f.t.Fatal(err)
	}
	f.write("bay1/others/file", "text")
	f.sledge(0, "load", "bay1/others", "--as", "others")
}
