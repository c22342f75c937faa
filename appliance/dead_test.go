package appliance

import (
	"os"
	"path/filepath"
	"testing"
)

// Dead bytes are those of earlier versions: none after a first load, further names
// count once, and a file that was rewritten leaves its old content.
func TestDeadBytes(t *testing.T) {
	r := small32(t)
	src := t.TempDir()
	write := func(name string, size int, fill byte) {
		text := make([]byte, size)
		for i := range text {
			text[i] = fill + byte(i%251)
		}
		if err := os.WriteFile(filepath.Join(src, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	dead := func() int64 {
		d := r.mustDevice()
		defer d.Close()
		return d.Status().DeadBytes
	}
	write("a", 300<<10, 1)
	write("b", 70_001, 2)
	if err := os.Link(filepath.Join(src, "a"), filepath.Join(src, "c")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(src, "link")); err != nil { // its target is in no pack
		t.Fatal(err)
	}
	r.loadAll(src, LoadOptions{})
	if n := dead(); n != 0 {
		t.Errorf("after the first load %d bytes are dead", n)
	}
	write("b", 80_002, 3)
	r.loadAll(src, LoadOptions{Replace: true})
	if n := dead(); n != 70_001 {
		t.Errorf("with b replaced %d bytes are dead, want 70001", n)
	}
	if err := os.Chmod(filepath.Join(src, "a"), 0o640); err != nil {
		t.Fatal(err)
	}
	r.loadAll(src, LoadOptions{Replace: true})
	if n := dead(); n != 70_001 {
		t.Errorf("with a's mode changed %d bytes are dead, want 70001", n)
	}
}
