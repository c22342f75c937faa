package files

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// A file that a killed command had written already is no hindrance to the same
// command; another content is.
func TestWriteNew(t *testing.T) {
	name := filepath.Join(t.TempDir(), "label")
	for range 2 {
		if err := WriteNew(name, []byte("label"), false); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteNew(name, []byte("other"), false); !errors.Is(err, ErrExists) {
		t.Fatalf("other content: %v", err)
	}
	if b, _ := os.ReadFile(name); string(b) != "label" {
		t.Fatalf("overwritten with %q", b)
	}
}

// TestNewFileReplacesNothing: neither another content nor something else than a file is
// replaced by what a command writes.
func TestNewFileReplacesNothing(t *testing.T) {
	dir := t.TempDir()
	write := func(text string) error {
		_, err := New(filepath.Join(dir, "report"), 0o600, func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		})
		return err
	}
	if err := errors.Join(write("report"), write("report")); err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"REPORT", "rep", "report, longer"} {
		if err := write(other); !errors.Is(err, ErrExists) {
			t.Errorf("%q: %v", other, err)
		}
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "report")); string(b) != "report" {
		t.Errorf("replaced by %q", b)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files are left", len(left))
	}
}
