package lint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSharedModules: docs/threat-model.md names every module of others that the verifier
// imports, and the verifier imports nothing of ours but its own packages.
func TestSharedModules(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/threat-model.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n## What shares code with what\n")
	if !found {
		t.Fatal("docs/threat-model.md does not say what shares code")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	tree := load(t)
	named := 0
	for _, file := range tree.Files {
		if !matches("internal/fsck/...", file.Dir()) || file.Test() {
			continue
		}
		for _, imported := range file.Imports {
			local, ours := tree.local(imported)
			switch {
			case ours && !matches("internal/fsck/...", local):
				t.Errorf("%s imports %s", file.Path, local)
			case !ours && !dotless(imported):
				module := strings.Join(strings.Split(imported, "/")[:3], "/")
				if named++; !strings.Contains(section, "`"+module+"`") {
					t.Errorf("%s imports %s, which docs/threat-model.md does not name", file.Path, module)
				}
			}
		}
	}
	if named == 0 {
		t.Error("no import of another module was seen")
	}
}
