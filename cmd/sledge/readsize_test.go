package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestSeeks reads settings as sysfs shows them: a disk, and its partition by a link.
func TestSeeks(t *testing.T) {
	for _, c := range []struct {
		rotational, ahead string
		want              bool
	}{
		{"1\n", "128\n", true},
		{"1\n", "4096\n", false}, // the kernel reads far ahead by itself
		{"0\n", "128\n", false},
	} {
		root := t.TempDir()
		queue := filepath.Join(root, "devices", "sda", "queue")
		partition := filepath.Join(root, "devices", "sda", "sda1")
		for _, dir := range []string{queue, partition} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for name, text := range map[string]string{"rotational": c.rotational, "read_ahead_kb": c.ahead} {
			if err := os.WriteFile(filepath.Join(queue, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		link := filepath.Join(root, "8:1")
		if err := os.Symlink(partition, link); err != nil {
			t.Fatal(err)
		}
		for _, dev := range []string{filepath.Dir(queue), link} {
			if got := seeks(dev); got != c.want {
				t.Errorf("%s rotational %q, ahead %q: %v", dev, c.rotational, c.ahead, got)
			}
		}
	}
	if seeks(t.TempDir()) {
		t.Error("a folder without a queue seeks")
	}
}
