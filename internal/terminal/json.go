package terminal

import (
	"bytes"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
)

// JSON writes JSON for a terminal, too: what a terminal would obey, or nobody can
// see, becomes \u escapes, which mean the same to a program. Outside of strings JSON
// has none of it. Each write must end between characters.
type JSON struct{ W io.Writer }

func (t JSON) Write(p []byte) (int, error) {
	if _, err := t.W.Write(PlainJSON(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

// PlainJSON is the same JSON without characters that do not print.
func PlainJSON(text []byte) []byte {
	hidden := func(r rune) bool { return r >= 0x7f && !unicode.IsPrint(r) }
	if bytes.IndexFunc(text, hidden) < 0 {
		return text
	}
	var out bytes.Buffer
	for _, r := range string(text) {
		switch {
		case !hidden(r):
			out.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&out, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&out, `\u%04x`, r)
		}
	}
	return out.Bytes()
}
