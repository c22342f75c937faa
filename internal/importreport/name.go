package importreport

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
)

// piece is a part of a name: as it is, or an escape for what cannot be shown.
type piece struct {
	Text    string
	Escaped bool
}

const (
	maxShown = 2000 // bytes of a name that are shown
	maxMarks = 4    // combining marks on one letter; more would cover other lines
)

// pieces makes a name harmless to look at: control characters, bytes that are not
// UTF-8, marks that change the direction of text or cannot be seen become escapes
// that stand apart, so that nobody takes an escape for a part of the name.
func pieces(name string) (list []piece) {
	rest := 0
	if len(name) > maxShown {
		name, rest = name[:maxShown], len(name)-maxShown
	}
	marks := 0
	for i, r := range name {
		text, escaped := string(r), false
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		switch {
		case r == unicode.ReplacementChar && !strings.HasPrefix(name[i:], "\uFFFD"):
			text, escaped = fmt.Sprintf(`\x%02x`, name[i]), true
		case !unicode.IsPrint(r) || r == unicode.ReplacementChar || marks > maxMarks:
			quoted := strconv.QuoteToASCII(text)
			text, escaped = quoted[1:len(quoted)-1], true
			if r == unicode.ReplacementChar {
				text = `\ufffd`
			}
			if marks > maxMarks {
				text = fmt.Sprintf(`\u%04x`, r)
			}
		}
		if n := len(list); n > 0 && list[n-1].Escaped == escaped {
			list[n-1].Text += text
			continue
		}
		list = append(list, piece{text, escaped})
	}
	if rest > 0 {
		list = append(list, piece{fmt.Sprintf("… and %s bytes more", Count(rest)), true})
	}
	return list
}

// visible is a name's pieces in one text.
func visible(name string) string {
	var b strings.Builder
	for _, p := range pieces(name) {
		b.WriteString(p.Text)
	}
	return b.String()
}
