package importer

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
)

// TestOddNamesLeft: where the probe's objects can neither be listed nor removed, what it has
// left of one name, in this start or an earlier one, is not taken for another name's.
func TestOddNamesLeft(t *testing.T) {
	for _, renames := range []bool{false, true} {
		s, f, disk := newSource(), newFake(t), memDisk()
		for _, name := range []string{"a b", "a+b", "\u00e9te", "e\u0301t", "it's", "Upper", "lower"} {
			s.file(name, []byte("of "+name))
		}
		s.sort()
		to := func(key string) string { return key }
		if renames {
			to = func(key string) string { return strings.ReplaceAll(key, "+", " ") }
		}
		store := &renaming{f, to, true}
		f.hook = func(n int, call, key string) (bool, error) {
			if strings.Contains(key, probe.Prefix) && (call == "delete" || strings.Contains(key, "'")) {
				return false, target.NewError(target.CodeAccessDenied, key, "", nil)
			}
			return true, nil
		}
		var want []string
		if renames {
			want = []string{`the character ' '`, `the character '+'`} // without a list both of a pair
		}
		res, err := Run(context.Background(), s, store, testOptions(nil, disk))
		if err != nil || !slices.Equal(res.Probe.Renames, want) || f.entries() != len(s.entries)-len(want) {
			t.Fatalf("renames %v: %v, %+v", renames, err, res)
		}
		for key := range f.objects { // another run, that finds all this
			if !strings.Contains(key, probe.Prefix) {
				delete(f.objects, key)
			}
		}
		if res := mustRun(t, s, store, testOptions(nil, memDisk())); !slices.Equal(res.Probe.Renames, want) {
			t.Errorf("renames %v, again: %+v", renames, res)
		}
	}
}
