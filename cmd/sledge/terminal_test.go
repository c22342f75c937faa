package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/terminal"
)

// hostile is a name, or an error's text, that would take a terminal over.
const hostile = "evil\x1b[2J\x1b]0;title\x07\nfake line\r\u202etxt.exe\u009b31m\x00\xff"

// TestReportsOnTerminal gives every report hostile text wherever it holds text: what
// it prints, as text or as JSON, has nothing that a terminal would obey.
func TestReportsOnTerminal(t *testing.T) {
	for _, r := range []report{
		&deviceReport{}, &extractReport{}, &importReport{}, &importAllReport{}, &jobReport{}, &listReport{}, &loadReport{}, &stateReport{}, &packReport{}, &proveReport{},
		&rebuildReport{}, &receiveReport{}, &scanReport{}, &sealReport{}, &siteReport{}, &wrapReport{}, &statusReport{}, &unlockReport{},
		&keyless.SetReport{}, &keyless.ProofReport{}, &keyless.CommitReport{}, &keyless.Accepted{}, &keyless.ReceiptsReport{}, &audit.Report{}, &versionReport{},
	} {
		name := reflect.TypeOf(r).Elem().Name()
		filled := reflect.New(reflect.TypeOf(r).Elem())
		fill(filled.Elem(), hostile, 0)
		var out strings.Builder
		filled.Interface().(report).Print(terminal.Writer{W: &out})
		if bad := control(out.String()); bad != "" || out.Len() == 0 && name != "listReport" {
			t.Errorf("%s prints %s", name, bad)
		}
		if b, err := json.Marshal(filled.Interface()); err != nil || strings.ContainsAny(string(b), "\x1b\x07\n\r\x00") {
			t.Errorf("%s as JSON: %q, %v", name, b, err)
		}
	}
}

// TestNamesMakeNoLines: the reports that show names of files show each on its line.
func TestNamesMakeNoLines(t *testing.T) {
	for _, r := range []report{
		&scanReport{Report: &scan.Report{FindingCount: 1}, Findings: []namedFinding{{Code: "x", name: nameOf(hostile), Text: escape(hostile)}}},
		&extractReport{Report: &extract.Report{Failed: 1, Failures: []string{fmt.Sprintf("%q: lost", hostile)}}},
		&importReport{Differences: []string{hostile}},
	} {
		var out strings.Builder
		r.Print(&out)
		if bad := control(out.String()); bad != "" {
			t.Errorf("%T prints %s", r, bad)
		}
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(line, "fake line") {
				t.Errorf("%T: a name made a line of its own: %q", r, out.String())
			}
		}
	}
}

// control finds what a terminal would obey.
func control(s string) string {
	for i, r := range s {
		if r != '\n' && !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return fmt.Sprintf("%q in %q", r, s[max(0, i-40):min(len(s), i+20)])
		}
	}
	return ""
}

// fill puts text into every string below v, and something into all else.
func fill(v reflect.Value, text string, depth int) {
	if depth > 8 || !v.CanSet() {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(1)
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(text))
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), text, depth+1)
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(v.Index(i), text, depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, text, depth+1)
		fill(value, text, depth+1)
		v.SetMapIndex(key, value)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text, depth+1)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(1_700_000_000, 0)))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), text, depth+1)
		}
	}
}

// TestListOnTerminal is the same for the lines of list, which are no report.
func TestListOnTerminal(t *testing.T) {
	n := nameOf(hostile)
	if bad := control(n.Path); bad != "" || string(n.Raw) != hostile {
		t.Errorf("%s, raw %q", bad, n.Raw)
	}
}
