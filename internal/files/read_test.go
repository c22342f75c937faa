package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestReadIsBounded: a file of the limit is read whole, a longer one is named and not read.
func TestReadIsBounded(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "label"), []byte("12345678"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(limit int64) ([]byte, error){
		"named": func(limit int64) ([]byte, error) { return Read(filepath.Join(dir, "label"), limit) },
		"below": func(limit int64) ([]byte, error) { return ReadIn(dir, "label", limit) },
	} {
		if b, err := read(8); err != nil || string(b) != "12345678" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
		if _, err := read(7); err == nil || !strings.Contains(err.Error(), "label: longer than 7 B") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReadInStaysBelow: a folder that others sent has no pipe that waits, and no link that
// leads out of it.
func TestReadInStaysBelow(t *testing.T) {
	dir := t.TempDir()
	inside := filepath.Join(dir, "receipts")
	if err := errors.Join(os.Mkdir(inside, 0o700), os.WriteFile(filepath.Join(dir, "secret"), []byte("x"), 0o600),
		os.Symlink("../secret", filepath.Join(inside, "out")), unix.Mkfifo(filepath.Join(inside, "pipe"), 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"out", "pipe", "../secret"} {
		if b, err := ReadIn(inside, name, 100); err == nil {
			t.Errorf("%s was read: %q", name, b)
		}
	}
	if _, err := ReadIn(inside, "nothing", 100); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
