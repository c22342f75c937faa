package terminal

import (
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

const Ellipsis = "…"

// Columns is how many columns of a terminal a text takes: none for marks that combine
// with the character before them, two for wide characters.
func Columns(s string) (n int) {
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// CutEnd shortens a text to a number of columns.
func CutEnd(s string, most int) string {
	if Columns(s) <= most {
		return s
	}
	if most < 1 {
		return ""
	}
	return head(s, most-1) + Ellipsis
}

// CutMiddle shortens a name to a number of columns. Its end stays longest: names in a
// folder mostly differ there.
func CutMiddle(s string, most int) string {
	if Columns(s) <= most {
		return s
	}
	if most < 1 {
		return ""
	}
	first := head(s, (most-1)/3)
	return first + Ellipsis + tail(s, most-1-Columns(first))
}

// head is the longest beginning of s within a number of columns.
func head(s string, most int) string {
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > most {
			return s[:i]
		}
	}
	return s
}

// tail is the longest end of s within a number of columns.
func tail(s string, most int) string {
	runes := []rune(s)
	n, i := 0, len(runes)
	for i > 0 && n+runeColumns(runes[i-1]) <= most {
		i--
		n += runeColumns(runes[i])
	}
	return strings.TrimLeftFunc(string(runes[i:]), func(r rune) bool { return runeColumns(r) == 0 })
}
