package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// measurePrimitives runs the child for a moment, with a tree of its own.
func measurePrimitives(t *testing.T, cores string, names ...string) (r primitiveResult, err error) {
	t.Helper()
	large, small, ctx := t.TempDir(), t.TempDir(), t.Context()
	if err := makeFiles(ctx, large, "large", 2, 2*pieceSize, 2); err != nil {
		t.Fatal(err)
	}
	if err := makeFiles(ctx, small, "small", 4, 4096, 2); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(ctx, os.Args[0], "primitives", "--names", strings.Join(names, ","), "--cores", cores, "--span", "1x",
		"--large", large, "--small", small, "--tmpfs", t.TempDir(), "--disk", t.TempDir(), "--bytes", "1").Output()
	if err != nil {
		if e, ok := err.(*exec.ExitError); ok {
			t.Logf("%s", e.Stderr)
		}
		return r, err
	}
	return r, json.Unmarshal(out, &r)
}

// TestPrimitives measures each one time on one core and on two.
func TestPrimitives(t *testing.T) {
	var names []string
	for _, p := range primitiveTable {
		names = append(names, p.name)
	}
	for _, cores := range []string{"1", "2"} {
		r, err := measurePrimitives(t, cores, names...)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if r.Rates[name] <= 0 && name != "sha256-avx512" {
				t.Errorf("%s on %s: %v", name, cores, r.Rates[name])
			}
		}
		if r.CPUPerGB["disk-direct"] <= 0 || len(r.CPUPerGB) != 2 {
			t.Errorf("processor time of disks: %v", r.CPUPerGB)
		}
	}
}

// TestPrimitiveFails names the primitive and what went wrong: testing.Benchmark
// itself tells nothing.
func TestPrimitiveFails(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), os.Args[0], "primitives", "--names", "small-read", "--small", filepath.Join(t.TempDir(), "none")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "small-read: too few folders") {
		t.Errorf("%v: %s", err, out)
	}
}
