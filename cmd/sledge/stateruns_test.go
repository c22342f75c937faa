package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// states makes a folder with the state folders of imports that have begun, and with what a
// pattern catches, too.
func states(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{
		"all/a/status.json": `{"version":1,"run":"run-1","state":"completed"}`, "all/a/receipts/total.dsse": "{}",
		"all/a/runs/two/status.json": `{"version":1,"run":"two","state":"stopped"}`,
		"all/b/status.json":          `{"version":1,"run":"run-1","state":"stopped"}`,
		"all/empty/x":                "", "all/notes.txt": "",
	} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestCaughtTooMuch: each name that is no import's folder is told, with what helps, where one
// name or a pattern gave it.
func TestCaughtTooMuch(t *testing.T) {
	states(t)
	f := &field{t: t}
	says := f.sledge(exitNotFound, "import", "report", "all/empty", "all/notes.txt", "all/none")
	f.says(says, "all/empty: no import has left", "all/notes.txt: no import has left a status or receipts here: not a folder", "all/none: no such file", "if a pattern has caught this one, leave it out")
	says = f.sledge(exitNotFound, "verify", "import", "all/empty", "all/notes.txt", "--offline", "--no-label")
	f.says(says, "all/empty: no import has left", "all/notes.txt: no import has left", "leave it out")
	f.says(f.sledge(exitNotFound, "import", "report", "all"), "it holds the state folders of imports; name them: all/a all/b")
}
