package s3test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBinary: the server's program is the one in SLEDGE_TOOLS, if that can be run: else
// every test with a store would be skipped, or end with a text of the system.
func TestBinary(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("SLEDGE_TOOLS", dir)
	mine := filepath.Join(dir, "versitygw")
	if got, _ := Binary(); got == mine {
		t.Errorf("%s is not there", got)
	}
	for mode, want := range map[os.FileMode]bool{0o644: false, 0o755: true} {
		if err := os.WriteFile(mine, nil, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(mine, mode); err != nil {
			t.Fatal(err)
		}
		if got, _ := Binary(); (got == mine) != want {
			t.Errorf("mode %v: %s", mode, got)
		}
	}
}

// TestOutputIsBounded: a server that prints without end takes no memory without end, and
// its last words are kept.
func TestOutputIsBounded(t *testing.T) {
	var b lockedBuffer
	line := []byte(strings.Repeat("x", 64<<10))
	for range 100 {
		if n, err := b.Write(line); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	b.Write([]byte("panic: the end"))
	if s := b.String(); len(s) > 2<<20 || !strings.HasSuffix(s, "the end") {
		t.Errorf("%d bytes are kept", len(s))
	}
}
