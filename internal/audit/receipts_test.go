package audit

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/verdict"
	"github.com/sledge-io/sledge/manifest"
)

// TestSameList: the list and the total that the store is held against are those that were
// verified; whoever changes them in between is noticed.
func TestSameList(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sumOf := func(text string) string { s := crypto.SumSHA256([]byte(text)); return hex.EncodeToString(s[:]) }
	d := &Device{Receipts: dir, ReceiptReport: &fsck.ReceiptReport{ListSHA256: sumOf("one\ntwo\n"), TotalSHA256: sumOf("total")}}
	read := func() ([]byte, error) {
		list, err := d.list()
		if err != nil {
			t.Fatal(err)
		}
		defer list.Close()
		return io.ReadAll(list)
	}
	write("objects.list", "one\ntwo\n")
	if b, err := read(); err != nil || !bytes.Equal(b, []byte("one\ntwo\n")) {
		t.Errorf("the same: %q, %v", b, err)
	}
	for _, text := range []string{"one\n", "one\ntwo\nthree\n", "two\none\n"} {
		write("objects.list", text)
		if _, err := read(); !errors.Is(err, verdict.ErrRefused) {
			t.Errorf("%q: %v", text, err)
		}
	}
	write("total.dsse", "another")
	if _, err := d.Total(&manifest.Job{}); !errors.Is(err, verdict.ErrRefused) {
		t.Errorf("another total: %v", err)
	}
}
