package audit

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sledge-io/sledge/importer/target"
)

// TestDifferencesHarmless: keys are chosen by anyone who may write below the prefix;
// none becomes a formula, drives a terminal or is lost.
func TestDifferencesHarmless(t *testing.T) {
	keys := []string{"in/plain", `=HYPERLINK("http://x")`, "@x", "in/\x1b[2J", "in/\u202efdp.exe", "a;b", "in/\xff", "'x", "two\nlines"}
	write := func(name string) *bytes.Buffer {
		var out bytes.Buffer
		d := newDifferenceFile(&out, name)
		for _, key := range keys {
			d.add(differenceLine{Kind: KindExtra, By: "listing", Key: key, Code: target.CodeExtraObject, Cause: "+" + key})
		}
		if err := d.flush(); err != nil {
			t.Fatal(err)
		}
		return &out
	}
	rows, err := csv.NewReader(write("found.csv")).ReadAll()
	if err != nil || len(rows) != len(keys)+1 {
		t.Fatalf("%v: %d rows", err, len(rows))
	}
	for i, row := range rows[1:] {
		for _, cell := range row {
			if strings.ContainsAny(cell, "\r\n\x1b\u202e;") || !utf8.ValidString(cell) || cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("key %q: cell %q", keys[i], cell)
			}
		}
	}
	if rows[1][3] != "in/plain" {
		t.Errorf("key %q", rows[1][3])
	}
	i := 0
	for line := range strings.Lines(write("found.jsonl").String()) {
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
	if i != len(keys) {
		t.Errorf("%d lines", i)
	}
}
