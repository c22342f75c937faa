package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAcceptLeftOut: an importer whose rules leave out links cannot have that accepted in
// silence: each kind is waived by its name, signed with its number, and shown to who verifies.
func TestAcceptLeftOut(t *testing.T) {
	crosscheck, err := filepath.Abs("../../scripts/crosscheck/acceptance.py")
	if err != nil {
		t.Fatal(err)
	}
	f := newField(t)
	_, to := f.realStore()
	if err := os.Symlink("a", "src/link"); err != nil {
		t.Fatal(err)
	}
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
	f.write("rules.json", `{"version": 1, "symlinks": "skip"}`)
	f.sledge(0, slices.Concat([]string{"import", "run", "--site", "site", "--label", "d.label", "--state", "st", "--rules", "rules.json"}, to)...)

	accept := []string{"accept", "st/receipts", "--site", "site", "--label", "d.label", "--out", "acc.dsse"}
	f.says(f.sledge(exitUnwaived, append(accept, "--list", "list")...), "not proven  left-out symlink: 1 entry without an object, by the importer's own rules", "nothing was signed")
	list, err := os.ReadFile("list")
	if err != nil || !strings.Contains(string(list), " 1 symlink\n") {
		t.Fatalf("%v: %s", err, list)
	}
	f.sledge(exitUsage, append(accept, "--waive-left-out", "directory")...)
	f.write("more", strings.Replace(string(list), " 1 symlink", " 2 symlink", 1))
	f.says(f.sledge(exitUsage, append(accept, "--waivers", "more")...), "matches nothing")
	f.says(f.sledge(0, append(accept, "--waivers", "list")...), "waived      left-out symlink")
	f.says(f.sledge(0, "verify", "acceptance", "acc.dsse", "st/receipts", "--trust", "site/signer.pub"),
		"waived      left-out symlink: 1 entry, by the importer's own rules", "verdict     clean")
	if exec.Command("python3", "-c", "import cryptography").Run() == nil { // a reader of docs/format.md alone
		if out, err := exec.Command("python3", crosscheck, "acc.dsse", "st/receipts", "--trust", "site/signer.pub").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
	if err := os.Remove("acc.dsse"); err != nil {
		t.Fatal(err)
	}
	f.sledge(0, append(accept, "--waive-left-out", "symlink")...)
}
