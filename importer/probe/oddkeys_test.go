package probe

import (
	"testing"

	"golang.org/x/text/unicode/norm"

	"github.com/sledge-io/sledge/importer/plan"
)

// TestOddKeys: no alias of an oddity's key is the key of another one.
func TestOddKeys(t *testing.T) {
	keys := map[string]string{}
	for _, odd := range plan.AllOddities {
		keys[oddKey([]plan.Oddity{odd})] = odd.ID
	}
	for key, id := range keys {
		for _, alias := range append(aliases(key), norm.NFKD.String(key)) {
			if other, ok := keys[alias]; ok && other != id {
				t.Errorf("%q of %s is %s's", alias, id, other)
			}
		}
	}
}

// TestOddities: each sample has its own oddity, and what is plain has none.
func TestOddities(t *testing.T) {
	for _, odd := range plan.AllOddities {
		if name := oddName([]plan.Oddity{odd}); plan.IsPlain(name) || !odd.In(name) {
			t.Errorf("%s: %q has it not", odd.ID, name)
		}
		if odd.In("a/b.c/d-e_0") {
			t.Errorf("%s: a plain name has it", odd.ID)
		}
	}
	if !plan.IsPlain("a/b.c/d-e_0") {
		t.Error("a plain name is odd")
	}
}
