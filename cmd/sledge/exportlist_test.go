package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/sumlist"
	"github.com/sledge-io/sledge/internal/sumlist/sumtest"
)

// TestExportList: the list has every file of a sealed device, further names and holes
// included; sha256sum agrees with it in the folder that extract wrote, and sees a change.
func TestExportList(t *testing.T) {
	f := newField(t)
	if err := os.Mkdir("src/d", 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range sumtest.Names {
		f.write("src/"+name, content)
	}
	if err := os.Symlink("plain", "src/d/symlink"); err != nil {
		t.Fatal(err)
	}
	if err := os.Link("src/plain", "src/other name"); err != nil {
		t.Fatal(err)
	}
	f.write("src/holes", "x")
	if err := os.Truncate("src/holes", 17<<20); err != nil { // more than one part
		t.Fatal(err)
	}
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src", "--accept-findings")
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
	f.sledge(0, "extract", "back", "--label", "d.label")

	files := len(sumtest.Names) + 3 // and a
	f.says(f.sledge(0, "export-list", "--label", "d.label", "--out", "list"), fmt.Sprintf("listed      %d files", files), "1 directory, 1 symbolic link")
	out, err := sumtest.Run(t, "back", "--strict", "-c", "../list")
	if err != nil || strings.Count(out, ": OK\n") != files {
		t.Errorf("%v: %s", err, out)
	}
	f.write("back/plain", "0")
	if out, err := sumtest.Run(t, "back", "-c", "../list"); err == nil || strings.Count(out, "FAILED\n") != 2 { // both of its names
		t.Errorf("a change is not seen: %s", out)
	}
	list := f.read("list")
	if code, says := f.try("export-list", "--label", "d.label", "-q"); code != 0 || says != list {
		t.Errorf("exit %d: standard output has another list: %s", code, says)
	}
	code, says := f.try("export-list", "d/", "--label", "d.label", "-q")
	if code != 0 || strings.Count(says, "\n") != 2 || !strings.Contains(list, says) {
		t.Errorf("exit %d: %s", code, says)
	}
	f.says(f.sledge(exitNotFound, "export-list", "nowhere/", "--label", "d.label", "--out", "none"), "no path begins with it")
	f.says(f.sledge(exitUsage, "export-list", "d/", "--label", "d.label", "--out", "list"), "exists already")
	f.says(f.sledge(exitUsage, "export-list", "--label", "d.label", "--receipts", "x", "--site-key", "y"), "--receipts needs no key")
	t.Setenv("SLEDGE_SITE", "")
	key := f.glob("site/jobs/*/site.key")
	if code, says := f.try("export-list", "--no-label", "--site-key", key, "-q"); code != exitUnproven || !strings.Contains(says, list[:200]) {
		t.Errorf("exit %d: %s", code, says)
	}
	if _, err := os.Stat("none"); err == nil {
		t.Error("a list of nothing was written")
	}
}

// TestExportListNames: a file without a SHA-256 of the whole is named and counted, and no
// digest is made for it; what the loader skipped is no success either.
func TestExportListNames(t *testing.T) {
	f := newField(t)
	f.sledge(0, "job", "create", "--device-key", "dev/device.pub", "--geometry", "2+1", "--target", "s3://bkt/x/", "--fips", "--file-digest", "parts", "--expires", "1h", "--out", "parts.dsse", "--code-out", "code2")
	f.write("src/large\n", "x")
	if err := os.Truncate("src/large\n", 17<<20); err != nil {
		t.Fatal(err)
	}
	f.sledge(0, "unlock", "--job", "parts.dsse", "--code-file", "code2", "--allow-shared")
	f.sledge(0, "load", "src", "--accept-findings")
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
	says := f.sledge(exitObjects, "export-list", "--label", "d.label", "--out", "list")
	f.says(says, "listed      1 file, 5 B", "NOT LISTED  1 file with digests of its parts only", `  large\n`, "error: not in the list", "hint: the job asks for digests of parts")
	if want := "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824  a\n"; f.read("list") != want {
		t.Errorf("%q", f.read("list"))
	}
	for _, r := range []sumlist.Report{{Files: 1, Skipped: 2}, {Files: 1, Partial: true}} {
		if code, hints := diagnose(exportListEnd(&r)); code != exitSource || len(hints) == 0 {
			t.Errorf("%+v: exit %d, %q", r, code, hints)
		}
	}
}
