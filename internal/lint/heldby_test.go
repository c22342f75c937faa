package lint

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestHeldBy(t *testing.T) {
	findings, err := HeldBy(root)
	if err != nil {
		t.Fatal(err)
	}
	report(t, findings)
}

// TestHeldByRefuses: a row without a test, and one whose test is gone.
func TestHeldByRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a.md":      "| rule | held by |\n|---|---|\n| one | `TestOne` |\n| two | `TestGone` |\n| three | nobody |\n| four | lie \"x\" |\n\n| rule | why |\n|---|---|\n| five | TestGone |\n",
		"a_test.go": "package a\n\nfunc TestOne(t *testing.T) {}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	findings, err := HeldBy(dir)
	if want := []string{"a.md:4: there is no TestGone", "a.md:5: the row names no test"}; err != nil || !slices.Equal(findings, want) {
		t.Errorf("%q, %v", findings, err)
	}
}
