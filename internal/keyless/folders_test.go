package keyless

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestCanceledIn: the mark of this run counts, in its receipts or around them, and one that
// cannot be read counts for any run. That of another run says nothing of this one.
func TestCanceledIn(t *testing.T) {
	for name, c := range map[string]struct {
		around, in, run string
		want            bool
	}{
		"none":            {"", "", "run-1", false},
		"in the receipts": {"", `{"version":1,"run":"run-1"}`, "run-1", true},
		"around them":     {`{"version":1,"run":"run-1"}`, "", "run-1", true},
		"of another run":  {`{"version":1,"run":"run-2"}`, `{"version":1,"run":"run-3"}`, "run-1", false},
		"damaged":         {"{", "", "run-1", true},
		"run not known":   {"", `{"version":1,"run":"run-3"}`, "", true},
	} {
		dir := t.TempDir()
		receipts := filepath.Join(dir, "receipts")
		if err := os.Mkdir(receipts, 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{filepath.Join(dir, markName): c.around, filepath.Join(receipts, markName): c.in} {
			if text == "" {
				continue
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if mark, err := CanceledIn(receipts, c.run); err != nil || (mark != nil) != c.want {
			t.Errorf("%s: %+v, %v", name, mark, err)
		}
	}
}

// TestReceiptsFolders: a folder without receipts is named before anything is read.
func TestReceiptsFolders(t *testing.T) {
	good, bad := folder(t, "sledge/a/b/1/import/run-1"), t.TempDir()
	if _, err := ReceiptsFolders([]string{good, bad}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if got, err := ReceiptsFolders([]string{good}); err != nil || len(got) != 1 {
		t.Error(got, err)
	}
}
