package appliance

import (
	"fmt"
	"strings"
)

// countOf is "1 pack" or "3 packs", for texts.
func countOf[T int | uint64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// utf8Text is a stranger's text as the format's text fields hold it.
func utf8Text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }
