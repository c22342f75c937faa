package main

import (
	"bytes"
	"compress/flate"
	"context"
	"os"
	"path/filepath"
	"testing"
)

// TestSetsAreTheSame makes a set twice.
func TestSetsAreTheSame(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, dir := range []string{a, b} {
		if err := makeFiles(context.Background(), dir, "test", 250, 5000, 100); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(a, "*", "*"))
	if err != nil || len(names) != 250 {
		t.Fatalf("%d files: %v", len(names), err)
	}
	var all bytes.Buffer
	seen := map[string]bool{}
	for _, name := range names {
		rel, _ := filepath.Rel(a, name)
		one, err1 := os.ReadFile(name)
		other, err2 := os.ReadFile(filepath.Join(b, rel))
		if err1 != nil || err2 != nil || !bytes.Equal(one, other) || len(one) != 5000 {
			t.Fatalf("%s: %d and %d bytes, %v, %v", rel, len(one), len(other), err1, err2)
		}
		if seen[string(one)] {
			t.Errorf("%s: there twice", rel)
		}
		seen[string(one)] = true
		all.Write(one)
	}
	var packed bytes.Buffer
	w, _ := flate.NewWriter(&packed, flate.BestCompression)
	w.Write(all.Bytes())
	w.Close()
	if packed.Len() < all.Len() {
		t.Errorf("%d bytes can be packed into %d", all.Len(), packed.Len())
	}
}

// TestCopyTree follows no link, and keeps only those that stay inside.
func TestCopyTree(t *testing.T) {
	from, to, outside := t.TempDir(), filepath.Join(t.TempDir(), "copy"), t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(filepath.Join(from, "sub"), 0o755))
	must(os.WriteFile(filepath.Join(from, "sub", "file"), []byte("content"), 0o644))
	must(os.Symlink("../sub/file", filepath.Join(from, "sub", "inside")))
	must(os.Symlink("../../"+filepath.Base(outside), filepath.Join(from, "sub", "outside")))
	must(os.Symlink(outside, filepath.Join(from, "absolute")))
	must(copyTree(context.Background(), from, to))
	if text, err := os.ReadFile(filepath.Join(to, "sub", "inside")); err != nil || string(text) != "content" {
		t.Errorf("%q, %v", text, err)
	}
	for _, name := range []string{"sub/outside", "absolute"} {
		if _, err := os.Lstat(filepath.Join(to, name)); !os.IsNotExist(err) {
			t.Errorf("%s was copied: %v", name, err)
		}
	}
}

// TestPrepare takes a set that is there, and makes one anew that was cut short.
func TestPrepare(t *testing.T) {
	made := 0
	d := func() *dataset {
		return &dataset{Name: "test", What: "two files", make: func(ctx context.Context, dir string) error {
			made++
			return makeFiles(ctx, dir, "test", 2, 10, 2)
		}}
	}
	sets, ctx := t.TempDir(), context.Background()
	for range 2 {
		set := d()
		if err := set.prepare(ctx, sets); err != nil || set.Files != 2 || set.Bytes != 20 || made != 1 {
			t.Fatalf("%+v, made %d times: %v", set, made, err)
		}
	}
	if err := os.Remove(filepath.Join(sets, "test.made")); err != nil {
		t.Fatal(err)
	}
	if err := d().prepare(ctx, sets); err != nil || made != 2 {
		t.Errorf("made %d times: %v", made, err)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	other := t.TempDir()
	if err := d().prepare(stopped, other); err == nil {
		t.Error("a set was made after the interruption")
	}
	if left, _ := os.ReadDir(other); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
