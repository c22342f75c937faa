package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A file that a killed command had written already is no hindrance to the same
// command; another content is.
func TestWriteNew(t *testing.T) {
	name := filepath.Join(t.TempDir(), "label")
	for range 2 {
		if err := writeNew(name, []byte("label"), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeNew(name, []byte("other"), false); !errors.Is(err, errFileExists) {
		t.Fatalf("other content: %v", err)
	}
	if b, _ := os.ReadFile(name); string(b) != "label" {
		t.Fatalf("overwritten with %q", b)
	}
}
