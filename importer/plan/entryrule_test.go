package plan

import (
	"strings"
	"testing"
)

func TestEntryRulesRefused(t *testing.T) {
	for text, want := range map[string]string{
		`{"key":"k"}`:                                   "which entry",
		`{"path":"a"}`:                                  "key",
		`{"path":"a","key":"/k"}`:                       "begin with a slash",
		`{"path":"a","key":"k/"}`:                       "slash if the path does",
		`{"path":"a/","key":"k"}`:                       "slash if the path does",
		`{"path":"a","path_hex":"61","key":"k"}`:        "one of them",
		`{"path_hex":"6","key":"k"}`:                    "path_hex",
		`{"path":"a","key":"k","device":"xyz"}`:         "device",
		`{"path":"a","key":"k"},{"path":"a","key":"l"}`: "names the entry of entries[0]",
		`{"path":"a","glob":"k"}`:                       `has no "glob"`,
	} {
		if _, err := ParseRules([]byte(`{"version":1,"entries":[` + text + `]}`)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := ParseRules([]byte(`{"version":1,"objects":[{"path":"a","match":"b","sse":"AES256"}]}`)); err == nil || !strings.Contains(err.Error(), "match and path") {
		t.Error(err)
	}
}
