package terminal

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Escape makes a text harmless on a terminal: control characters, bytes that
// are not UTF-8 and marks that change the direction of text are written as
// escapes, like \n, \x1b, \u202e.
func Escape(s string) string {
	clean := func(r rune) bool { return r != unicode.ReplacementChar && unicode.IsPrint(r) }
	if strings.IndexFunc(s, func(r rune) bool { return !clean(r) }) < 0 {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		size := len(string(r))
		switch {
		case clean(r):
			b.WriteRune(r)
		case r == unicode.ReplacementChar && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		default:
			q := strconv.QuoteToASCII(s[i : i+size])
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// Writer lets nothing through that a terminal would obey but the ends of lines,
// whatever a report holds. Names and other people's texts are escaped by the report
// itself, so that they cannot make lines either.
type Writer struct{ W io.Writer }

func (t Writer) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		text, end := bytes.CutSuffix(line, []byte("\n"))
		if _, err := io.WriteString(t.W, Escape(string(text))); err != nil {
			return 0, err
		}
		if end {
			if _, err := io.WriteString(t.W, "\n"); err != nil {
				return 0, err
			}
		}
	}
	return len(p), nil
}

// Size writes bytes for people.
func Size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n)/1024, 0
	for value >= 1024 && unit < len(units)-1 {
		value /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", value, units[unit])
}

// Plural writes a count with its noun.
func Plural[T int | int64 | uint64](n T, noun string) string {
	if n == 1 {
		return fmt.Sprintf("1 %s", noun)
	}
	if strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ey") {
		noun = strings.TrimSuffix(noun, "y") + "ie"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
