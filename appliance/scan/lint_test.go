package scan

import (
	"testing"

	"github.com/sledge-io/sledge/manifest"
)

// TestLint: what a target cannot hold blocks, in the kinds that become objects.
func TestLint(t *testing.T) {
	rules := Rules{Prefix: "in/", Key: manifest.KeyLimits{MaxSegment: 10, NoSoap: true}, MaxObject: 100}
	skip := rules
	skip.NoSymlinks, skip.NoFolders = true, true
	tests := []struct {
		rules Rules
		path  string
		kind  manifest.Kind
		size  int64
		want  string
	}{
		{rules, "a", manifest.KindFile, 100, ""},
		{rules, "a", manifest.KindFile, 101, "too-large"},
		{rules, "a", manifest.KindSymlink, 101, ""},
		{rules, "soap", manifest.KindFile, 0, ""}, // the key is in/soap
		{Rules{Key: rules.Key}, "soap", manifest.KindFile, 0, "reserved-key"},
		{Rules{Key: rules.Key}, "soap", manifest.KindDir, 0, ""},
		{rules, "a\x1b", manifest.KindFile, 0, "control-character"},
		{rules, "a\u009b", manifest.KindDir, 0, "control-character"},
		{rules, "a\x1b", manifest.KindSkipped, 0, ""},
		{rules, "a\x1b", manifest.KindSymlink, 0, "control-character"},
		{skip, "a\x1b", manifest.KindSymlink, 0, ""},
		{skip, "a\x1b", manifest.KindDir, 0, ""},
		{skip, "a\x1b", manifest.KindFile, 0, "control-character"},
		{rules, "elevenbytes", manifest.KindFile, 0, "segment-too-long"},
		{Rules{}, string(make([]byte, 1025)), manifest.KindFile, 0, "key-too-long control-character"},
	}
	for _, test := range tests {
		codes := ""
		test.rules.lint(&Item{Path: test.path, Kind: test.kind, Size: test.size}, func(f Finding) {
			if codes != "" {
				codes += " "
			}
			codes += f.Code
			if !f.Blocks || f.Path != test.path || f.Text == "" {
				t.Errorf("%q: %+v", test.path, f)
			}
		})
		if codes != test.want {
			t.Errorf("%.20q, %v, %d: %q, want %q", test.path, test.kind, test.size, codes, test.want)
		}
	}
}
