package receipt

import (
	"strings"
	"testing"
)

// A line's names are exact, as for every other verifier: an importer cannot show one key to
// whoever checks the receipts, and another to whoever asks the store.
func TestLineNamesExact(t *testing.T) {
	salt := strings.Repeat("0", 64)
	for text, want := range map[string]string{
		`{"key":"in/a","KEY":"in/b"}`:      "in/a",
		`{"KEY":"in/b","key":"in/a"}`:      "in/a",
		`{"key":"in/a","\u212aey":"in/b"}`: "in/a",
		`{"key":"in/a","key":"in/b"}`:      "",
	} {
		text = strings.Replace(text, "{", `{"outcome":"failed","record_salt":"`+strings.Repeat("QUFB", 10)+`QUE=",`, 1)
		line, err := ParseLine([]byte(salt + " " + text + "\n"))
		if line.Key != want || (err != nil) != (want == "") {
			t.Errorf("%s: %q, %v", text, line.Key, err)
		}
	}
}

func BenchmarkParseLine(b *testing.B) {
	text := append([]byte(strings.Repeat("0", 64)+" "), `{"page":1,"index":2,"record":"`+strings.Repeat("QUFB", 60)+`","record_salt":"`+strings.Repeat("QUFB", 10)+`QUE=","outcome":"stored","key":"in/folder/name.tif","version_id":"abcdef","etag":"0123456789abcdef0123456789abcdef","size":12345,"parts":1,"part_size":0,"sha256":"`+strings.Repeat("QUFB", 11)+`","checksum_type":"FULL_OBJECT","proof":"store sha256","hashed_by":"loader","parts_by":"loader","verified":"2026-11-30T12:00:00Z"}`...)
	text = append(text, '\n')
	for b.Loop() {
		if _, err := ParseLine(text); err != nil {
			b.Fatal(err)
		}
	}
}
