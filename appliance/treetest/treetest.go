// Package treetest makes folders with everything that a record can describe, and compares them,
// for tests of what is loaded and what is extracted.
package treetest

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"testing"
)

// Make writes a tree with everything that a record can describe.
func Make(t testing.TB, seed int64, files int, largest int) string {
	t.Helper()
	rng := rand.New(rand.NewSource(seed))
	root := t.TempDir()
	write := func(name string, data []byte) {
		full := filepath.Join(root, name)
		os.MkdirAll(filepath.Dir(full), 0o755)
		if err := os.WriteFile(full, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	random := func(n int) []byte { b := make([]byte, n); rng.Read(b); return b }
	for i := range files {
		write(fmt.Sprintf("many/%02d/file-%04d.bin", i%7, i), random(rng.Intn(9000)))
	}
	write("large.bin", random(largest))
	write("exact-part.bin", random(16<<20))
	write("two-parts.bin", random(16<<20+1))
	write("empty", nil)
	write("a", []byte("file a"))
	write("a-b", []byte("sorts between a and a/"))
	write("dir/a", []byte("x"))
	write("name\nwith newline \x1b[31m", []byte("hostile"))
	write("ümlaut", []byte("utf8"))
	write("bad-utf8-\xff", []byte("bytes"))
	os.MkdirAll(filepath.Join(root, "empty-dir/deeper"), 0o700)
	os.Symlink("../outside/target", filepath.Join(root, "link"))
	os.Link(filepath.Join(root, "large.bin"), filepath.Join(root, "zz-hard"))
	os.Link(filepath.Join(root, "large.bin"), filepath.Join(root, "dir/hard2"))
	sparse, _ := os.Create(filepath.Join(root, "sparse"))
	sparse.WriteAt([]byte("middle"), 5<<20)
	sparse.Truncate(40 << 20)
	sparse.Close()
	return root
}

// Compare reports what of want the folder got does not have alike.
func Compare(t testing.TB, want, got string) {
	t.Helper()
	count := 0
	filepath.Walk(want, func(path string, wi os.FileInfo, err error) error {
		if err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(want, path)
		if rel == "." {
			return nil
		}
		count++
		gi, err := os.Lstat(filepath.Join(got, rel))
		if err != nil {
			t.Errorf("%q: %v", rel, err)
			return nil
		}
		if wi.Mode() != gi.Mode() || !wi.ModTime().Equal(gi.ModTime()) && wi.Mode().IsRegular() {
			t.Errorf("%q: mode %v time %v, want %v %v", rel, gi.Mode(), gi.ModTime(), wi.Mode(), wi.ModTime())
		}
		switch {
		case wi.Mode()&os.ModeSymlink != 0:
			a, _ := os.Readlink(path)
			b, _ := os.Readlink(filepath.Join(got, rel))
			if a != b {
				t.Errorf("%q: link to %q, want %q", rel, b, a)
			}
		case wi.Mode().IsRegular():
			a, err1 := os.ReadFile(path)
			b, err2 := os.ReadFile(filepath.Join(got, rel))
			if err1 != nil || err2 != nil || !bytes.Equal(a, b) {
				t.Errorf("%q differs (%v, %v)", rel, err1, err2)
			}
		}
		return nil
	})
	have := 0
	filepath.Walk(got, func(path string, _ os.FileInfo, err error) error {
		if path != got {
			have++
		}
		return err
	})
	if have != count {
		t.Errorf("%d entries instead of %d", have, count)
	}
}
