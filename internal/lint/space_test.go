package lint

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSpace: scripts/space.sh names each file system that has too little room for a lane,
// with the sum of what the lane needs there, and stops nothing.
func TestSpace(t *testing.T) {
	for _, program := range []string{"bash", "awk"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("needs %s: %v", program, err)
		}
	}
	script, err := filepath.Abs(filepath.Join(root, "scripts/space.sh"))
	if err != nil {
		t.Fatal(err)
	}
	tmp, bin := t.TempDir(), t.TempDir()
	// One file system for TMPDIR, another one for all others.
	df := `#!/bin/sh
echo "Filesystem 1024-blocks Used Available Capacity Mounted on"
case "$2" in "$SCRATCH"*) echo "x 0 0 $FREE_TMP 0% /scratch";; *) echo "y 0 0 $FREE 0% /";; esac
`
	if err := os.WriteFile(filepath.Join(bin, "df"), []byte(df), 0o755); err != nil {
		t.Fatal(err)
	}
	const large, small = "99999999", "102400"
	for name, test := range map[string]struct {
		tmp, free string
		folder    string // TMPDIR
		lines     []string
	}{
		"enough": {large, large, tmp, []string{"space: 95.4 GiB free on /scratch; make outside needs", "space: 95.4 GiB free on /; make outside needs"}},
		"too little in TMPDIR": {small, large, tmp, []string{"space: TOO LITTLE: 0.1 GiB free on /scratch, and make outside needs", "(TMPDIR " + tmp, "hint: ",
			"space: 95.4 GiB free on /; make outside needs"}},
		"too little for the rest":        {large, small, tmp, []string{"space: TOO LITTLE: 0.1 GiB free on /, and make outside needs", "(build ", "hint: "}},
		"a TMPDIR that is not there yet": {small, large, filepath.Join(tmp, "a", "b"), []string{"space: TOO LITTLE: 0.1 GiB free on /scratch", "hint: "}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("bash", script, "outside")
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "TMPDIR="+test.folder, "SCRATCH="+tmp, "FREE_TMP="+test.tmp, "FREE="+test.free)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, line := range test.lines {
				if !strings.Contains(string(out), line) {
					t.Errorf("not told: %s\n%s", line, out)
				}
			}
			if hints, little := strings.Count(string(out), "hint: "), strings.Count(string(out), "TOO LITTLE"); hints != little || (little > 0) != (name != "enough") {
				t.Errorf("%d hints for %d warnings: %s", hints, little, out)
			}
		})
	}
}
