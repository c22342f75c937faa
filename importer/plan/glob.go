package plan

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxGlob bounds a pattern, and with it what one match may cost: the engine's
// time is linear in the path, whatever the pattern.
const maxGlob = 1024

// A glob is a pattern over paths, as users of gitignore and rclone know it:
//
//   - any run of characters without a slash
//     **       any run of characters, slashes too; "**/" may also match nothing
//     ?        one character, not a slash
//     [a-z]    one of these, never a slash; [!a-z] or [^a-z] one of all others
//     {a,b}    one of these patterns
//     \x       x itself
//
// Case counts. The whole path must match. A pattern without a slash may begin
// behind any slash of the path; one with a slash begins where the path does, and
// a slash in front of it says only that.
type glob struct{ expr *regexp.Regexp }

func (g glob) matches(path string) bool { return g.expr == nil || g.expr.MatchString(path) }

// compileGlob translates a pattern; "" matches every path.
func compileGlob(pattern string) (glob, error) {
	if pattern == "" {
		return glob{}, nil
	}
	if len(pattern) > maxGlob || !utf8.ValidString(pattern) {
		return glob{}, fmt.Errorf("a pattern is UTF-8 of at most %d bytes", maxGlob)
	}
	t := translator{rest: strings.TrimPrefix(pattern, "/")}
	t.out.WriteString(`(?s)\A`)
	if !strings.Contains(pattern, "/") {
		t.out.WriteString(`(?:.*/)?`)
	}
	t.out.WriteString(`(?:`)
	if err := t.all(); err != nil {
		return glob{}, fmt.Errorf("at character %d: %w", utf8.RuneCountInString(pattern[:len(pattern)-len(t.rest)])+1, err)
	}
	t.out.WriteString(`)\z`)
	expr, err := regexp.Compile(t.out.String())
	return glob{expr}, err
}

// translator turns a pattern into the text of a regular expression.
type translator struct {
	rest   string // what is still to be read
	out    strings.Builder
	braces []bool // for each open brace: its alternatives begin a component
	start  bool   // a component begins here
}

func (t *translator) all() error {
	for t.start = true; t.rest != ""; {
		if err := t.one(); err != nil {
			return err
		}
	}
	if len(t.braces) > 0 {
		return errors.New("{ without }")
	}
	return nil
}

// one translates what the rest begins with.
func (t *translator) one() error {
	start := t.start
	t.start = false
	if rest, ok := strings.CutPrefix(t.rest, "**/"); ok && start {
		t.start = true
		return t.emit(rest, `(?:.*/)?`)
	}
	if rest, ok := strings.CutPrefix(t.rest, "**"); ok {
		return t.emit(strings.TrimLeft(rest, "*"), `.*`)
	}
	c, size := utf8.DecodeRuneInString(t.rest)
	rest := t.rest[size:]
	switch {
	case c == '*':
		return t.emit(rest, `[^/]*`)
	case c == '?':
		return t.emit(rest, `[^/]`)
	case c == '[':
		return t.class(rest)
	case c == '{':
		t.start, t.braces = start, append(t.braces, start)
		return t.emit(rest, `(?:`)
	case c == '}' && len(t.braces) == 0:
		return errors.New("} without {")
	case c == '}':
		t.start, t.braces = start, t.braces[:len(t.braces)-1]
		return t.emit(rest, `)`)
	case c == ',' && len(t.braces) > 0:
		t.start = t.braces[len(t.braces)-1]
		return t.emit(rest, `|`)
	case c == '\\' && rest == "":
		return errors.New(`\ before nothing`)
	case c == '\\':
		c, size = utf8.DecodeRuneInString(rest)
		rest = rest[size:]
	}
	t.start = c == '/'
	return t.emit(rest, regexp.QuoteMeta(string(c)))
}

func (t *translator) emit(rest, text string) error {
	t.rest = rest
	t.out.WriteString(text)
	return nil
}

// class translates what stands behind a "[". A range that holds the slash is cut
// around it.
func (t *translator) class(rest string) error {
	text := `[`
	if strings.HasPrefix(rest, "!") || strings.HasPrefix(rest, "^") {
		text, rest = `[^/`, rest[1:]
	}
	empty := true
	for first := true; ; first = false {
		if rest == "" {
			return errors.New("[ without ]")
		}
		if rest[0] == ']' && !first {
			break
		}
		low, high := rune(0), rune(0)
		if low, rest = classRune(rest); len(rest) > 1 && rest[0] == '-' && rest[1] != ']' {
			high, rest = classRune(rest[1:])
		} else {
			high = low
		}
		if low > high {
			return fmt.Errorf("range %c-%c runs backwards", low, high)
		}
		for _, r := range [][2]rune{{low, min(high, '/'-1)}, {max(low, '/'+1), high}} {
			if r[0] <= r[1] {
				text += fmt.Sprintf(`\x{%x}-\x{%x}`, r[0], r[1])
				empty = false
			}
		}
	}
	if empty && text == `[` {
		return errors.New("a class of nothing but the slash")
	}
	return t.emit(rest[1:], text+`]`)
}

func classRune(rest string) (rune, string) {
	if len(rest) > 1 && rest[0] == '\\' {
		rest = rest[1:]
	}
	c, size := utf8.DecodeRuneInString(rest)
	return c, rest[size:]
}
