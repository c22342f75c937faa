package main

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer"
)

// TestDifferencesHarmless: keys are chosen by anyone who may write below the prefix;
// none becomes a formula, drives a terminal or is lost.
func TestDifferencesHarmless(t *testing.T) {
	keys := []string{"in/plain", `=HYPERLINK("http://x")`, "@x", "in/\x1b[2J", "in/\u202efdp.exe", "a;b", "in/\xff", "'x", "two\nlines"}
	dir := t.TempDir()
	for _, name := range []string{filepath.Join(dir, "found.csv"), filepath.Join(dir, "found.jsonl")} {
		d, err := newDifferenceFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			d.add(differenceLine{Kind: importer.KindExtra, By: "listing", Key: key, Code: importer.CodeExtraObject, Cause: "+" + key})
		}
		if err := d.close(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "found.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(rows) != len(keys)+1 {
		t.Fatalf("%v: %d rows", err, len(rows))
	}
	for i, row := range rows[1:] {
		for _, cell := range row {
			if strings.ContainsAny(cell, "\r\n\x1b\u202e;\xff") || cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("key %q: cell %q", keys[i], cell)
			}
		}
	}
	if rows[1][3] != "in/plain" {
		t.Errorf("key %q", rows[1][3])
	}
	if text, err = os.ReadFile(filepath.Join(dir, "found.jsonl")); err != nil {
		t.Fatal(err)
	}
	i := 0
	for line := range strings.Lines(string(text)) {
		var got differenceLine
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		if got.KeyBytes != nil {
			got.Key = string(got.KeyBytes)
		}
		if got.Key != keys[i] {
			t.Errorf("key %q, want %q", got.Key, keys[i])
		}
		i++
	}
}
