package terminal

import (
	"math/rand"
	"regexp"
	"strings"
	"testing"
)

// TestShownAsExpressions: names and long words are found as the regular expressions find them
// that say what they are.
func TestShownAsExpressions(t *testing.T) {
	quoted, long := regexp.MustCompile(`"(?:[^"\\]|\\.)*"`), regexp.MustCompile(`[^\s"]{161,}`)
	cut := func(text string) string {
		if Columns(text) <= LongName {
			return text
		}
		return `"` + CutMiddle(text[1:len(text)-1], LongName-2) + `"`
	}
	pieces := []string{`"`, `\`, " ", "a", "é", "\xff", strings.Repeat("b", 159), strings.Repeat("ü", 161), `""`, "name "}
	r := rand.New(rand.NewSource(1))
	for range 3000 {
		var text string
		for range r.Intn(12) {
			text += pieces[r.Intn(len(pieces))]
		}
		want := long.ReplaceAllStringFunc(quoted.ReplaceAllStringFunc(Escape(text), cut), func(w string) string { return CutMiddle(w, LongName) })
		if got := Shown(text); got != CutMiddle(want, LongLine) {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	}
}
