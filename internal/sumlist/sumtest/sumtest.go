// Package sumtest has what tests of lists of digests share: names that such a list must escape,
// and sha256sum itself. It imports nothing of ours.
package sumtest

import (
	"os"
	"os/exec"
	"testing"
)

// Names are names that a list of digests must escape, or that look like a part of its
// line, with their content.
var Names = map[string]string{
	"plain": "1", "-": "2", " leading": "3", "*star": "4", "back\\slash": "5", "new\nline": "6", "return\r": "7", `\n`: "8",
	"trailing ": "9", "SHA256 (x) = y": "10", "\xff\xfe": "11", "d/-": "12", "d/both\\\r\n": "13", "-c": "14", "ü": "15", "#note": "16",
}

// Run runs GNU's sha256sum in a folder. The test is skipped where there is none.
func Run(t testing.TB, dir string, args ...string) (string, error) {
	t.Helper()
	name, err := exec.LookPath("sha256sum")
	if err != nil {
		t.Skip("sha256sum is not here")
	}
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
