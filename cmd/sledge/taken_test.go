package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMovedSourceHint: a copy of a source at another path is told both ways on, and that
// of the same source stores nothing twice.
func TestMovedSourceHint(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	if err := os.Mkdir("copy", 0o700); err != nil {
		t.Fatal(err)
	}
	f.write("copy/a", "hello")
	info, err := os.Stat("src/a")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes("copy/a", info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	from, err := filepath.Abs("src")
	if err != nil {
		t.Fatal(err)
	}
	f.says(f.sledge(exitSource, "load", "copy"), "hint: if it is the same source, at another path now, say so: --source-moved '"+from+"'", "hint: if it is another one, load it under a name of its own: --as NAME")
	says := f.sledge(exitSource, "load", "copy", "--source-moved", "nowhere")
	f.says(says, "--source-moved '"+filepath.Dir(from)+"/nowhere' --source-moved '"+from+"'")
	if got := f.answers(0, "load", "copy", "--source-moved", "nowhere", "--source-moved", "src"); got["known_content"] != 1.0 {
		t.Errorf("stored again: %v", got)
	}
}
