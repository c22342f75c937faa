package terminal

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Cell makes a text harmless for a spreadsheet, in two steps that can be taken back:
//
//   - What holds a character that cannot be seen, a byte that is not UTF-8, or a
//     quote at its head, becomes a quoted string with Go's (and nearly C's) escapes.
//     So does what has a semicolon, which ends a cell where the comma is decimal.
//   - What then begins as a formula does, or with an apostrophe, gets an apostrophe
//     before it.
func Cell(s string) string {
	if needsQuotes(s) {
		s = strings.ReplaceAll(strconv.Quote(s), ";", `\x3b`)
	}
	if isFormula(s) || strings.HasPrefix(s, "'") {
		s = "'" + s
	}
	return s
}

func needsQuotes(s string) bool {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) || r == ';' }
	return strings.HasPrefix(s, `"`) || !utf8.ValidString(s) || strings.IndexFunc(s, hidden) >= 0
}

// isFormula tells whether a spreadsheet would compute a text. Wide signs are what
// East Asian input methods write and some programs take for the narrow ones.
func isFormula(s string) bool {
	s = strings.TrimLeft(s, " ")
	r, _ := utf8.DecodeRuneInString(s)
	return s != "" && strings.ContainsRune("=+-@＝＋－＠", r)
}
