package manifest

import (
	"strings"
	"testing"
)

func TestCheckKey(t *testing.T) {
	limits := KeyLimits{MaxKey: 40, MaxSegment: 10, NoSoap: true}
	tests := []struct{ key, want string }{
		{"a/b", ""},
		{"a/b/", ""},
		{"soap/", ""},
		{"Soap", ""},
		{"a\\b ?%#", ""},
		{"\u00a0é日本", ""},
		{"\ufffd\u2028\u202e", ""},
		{"...", ""},
		{"soap", KeyReserved},
		{strings.Repeat("abc/", 10), ""},
		{strings.Repeat("abc/", 10) + "d", KeyTooLong},
		{"abcdefghij", ""},
		{"x/abcdefghijk", KeySegmentTooLong},
		{"abcdefghijk/x", KeySegmentTooLong},
		{"a\xff", KeyNotUTF8},
		{"\xed\xa0\x80", KeyNotUTF8}, // a surrogate
		{"a\x00", KeyControlCharacter},
		{"\t", KeyControlCharacter},
		{"\n", KeyControlCharacter},
		{"\r", KeyControlCharacter},
		{"\x1f\x1e", KeyControlCharacter},
		{"\x7f", KeyControlCharacter},
		{"\u0080", KeyControlCharacter},
		{"\u009f", KeyControlCharacter},
		{"\ufffe", KeyNotXML},
		{"\uffff", KeyNotXML},
		{"", KeyDotSegment},
		{"/a", KeyDotSegment},
		{"a//b", KeyDotSegment},
		{"a/./b", KeyDotSegment},
		{"a/..", KeyDotSegment},
		{"../", KeyDotSegment},
		{"\x01/../abcdefghijk\uffff", "control-character not-xml dot-segment segment-too-long"},
	}
	for _, test := range tests {
		var codes []string
		for _, p := range CheckKey(test.key, limits) {
			codes = append(codes, p.Code)
		}
		if got := strings.Join(codes, " "); got != test.want {
			t.Errorf("CheckKey(%q) is %q, want %q", test.key, got, test.want)
		}
	}
	if p := CheckKey(strings.Repeat("x", 2000)+"/soap", KeyLimits{}); p != nil {
		t.Errorf("no limits: %v", p)
	}
}
