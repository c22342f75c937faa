package main

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/sledge-io/sledge/manifest"
)

// odd holds what a terminal obeys or nobody sees: C1 controls, marks of direction, DEL,
// a tag character.
const odd = "é \u009b31m \u0085 \u202e\u2066 \u007f \U000e0041 \x1b[2J 日本"

type textReport struct{ Text string }

func (textReport) Print(io.Writer) {}

// TestJSONIsHarmless: JSON says the same to a program, and gives a terminal nothing to obey.
func TestJSONIsHarmless(t *testing.T) {
	var out, errs bytes.Buffer
	a := &app{out: &out, err: &errs, json: true}
	a.end("list", textReport{odd}, nil)
	a.jsonLine(map[string]any{"text": odd})
	r := &manifest.Record{Kind: manifest.KindSkipped, Path: "a", Reason: odd, Detail: odd}
	if err := a.listEntry(&out, r, false, false); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{out.String(), errs.String()} {
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("byte %d of %q", i, line)
			}
			if !json.Valid([]byte(line)) {
				t.Errorf("no JSON: %s", line)
			}
		}
	}
	var said struct{ Text string }
	if err := json.Unmarshal(errs.Bytes(), &said); err != nil || said.Text != odd {
		t.Errorf("%q, %v", said.Text, err)
	}
	if !strings.Contains(out.String(), "é") || !strings.Contains(out.String(), "日本") {
		t.Error("letters are escaped")
	}
}

// TestListEscapesReasons: with -l, too.
func TestListEscapesReasons(t *testing.T) {
	var out bytes.Buffer
	a := &app{out: &out}
	r := &manifest.Record{Kind: manifest.KindSkipped, Path: "a", Reason: odd, Remark: odd}
	if err := a.listEntry(&out, r, true, false); err != nil {
		t.Fatal(err)
	}
	if line := strings.TrimSuffix(out.String(), "\n"); strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) >= 0 {
		t.Errorf("%q", line)
	}
}
