package scan

import (
	"testing"
)

// TestOwnersAreUTF8: what the format calls text is UTF-8, whatever a system's names are.
func TestOwnersAreUTF8(t *testing.T) {
	if got := (&owners{}).lookup(new(map[uint32]string), 7, func(string) string { return "j\xf6rg" }); got != "j\uFFFDrg" {
		t.Errorf("owner %q", got)
	}
}
