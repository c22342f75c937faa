package filter

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

type tokenKind byte

const (
	literal tokenKind = iota
	one               // ?
	star              // *
	class             // [a-z]
)

// token matches one character, or, a star, any number. A byte that is no part of UTF-8 is
// a character of its own.
type token struct {
	kind   tokenKind
	text   string // of a literal
	not    bool   // of a class
	ranges []rune // of a class: from, to
}

// tokens reads one element of a pattern.
func tokens(text string) (out []token, err error) {
	for len(text) > 0 {
		switch text[0] {
		case '*':
			out, text = append(out, token{kind: star}), strings.TrimLeft(text, "*")
		case '?':
			out, text = append(out, token{kind: one}), text[1:]
		case '[':
			t, n, err := readClass(text)
			if err != nil {
				return nil, err
			}
			out, text = append(out, t), text[n:]
		default:
			c, n, err := character(text)
			if err != nil {
				return nil, err
			}
			out, text = append(out, token{text: c}), text[n:]
		}
	}
	return out, nil
}

// character reads one character that may be escaped.
func character(text string) (c string, n int, err error) {
	_, n = utf8.DecodeRuneInString(text)
	if text[0] != '\\' {
		return text[:n], n, nil
	}
	if len(text) == 1 {
		return "", 0, errors.New(`a \ at the end`)
	}
	r, n := utf8.DecodeRuneInString(text[1:])
	if r < utf8.RuneSelf && (r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z') {
		return "", 0, fmt.Errorf(`\%c is no class of characters here: use [0-9] or [[:alpha:]]`, r)
	}
	return text[1 : 1+n], 1 + n, nil
}

// named are the classes that have a name.
var named = map[string][]rune{
	"[:alnum:]": []rune("09AZaz"), "[:alpha:]": []rune("AZaz"), "[:digit:]": []rune("09"), "[:lower:]": []rune("az"),
	"[:upper:]": []rune("AZ"), "[:space:]": []rune("\t\r  "), "[:punct:]": []rune("!/:@[`{~"), "[:xdigit:]": []rune("09AFaf"),
}

// classLen is how long the class is that the text begins with; 1 if it does not end.
func classLen(text string) int {
	i := 1
	if i < len(text) && (text[i] == '!' || text[i] == '^') {
		i++
	}
	for first := true; i < len(text); first = false {
		switch {
		case strings.HasPrefix(text[i:], "[:"):
			end := strings.Index(text[i:], ":]")
			if end < 0 {
				return 1
			}
			i += end + 2
		case text[i] == '\\':
			i += 2
		case text[i] == ']' && !first:
			return i + 1
		default:
			i++
		}
	}
	return 1
}

// readClass reads [a-z], [!a-z], [^a-z] and named classes in it.
func readClass(text string) (t token, n int, err error) {
	n = classLen(text)
	if n == 1 {
		return t, 0, errors.New("a [ without a ]")
	}
	t.kind = class
	inner := text[1 : n-1]
	if inner[0] == '!' || inner[0] == '^' {
		t.not, inner = true, inner[1:]
	}
	for len(inner) > 0 {
		if strings.HasPrefix(inner, "[:") {
			name, rest, _ := strings.Cut(inner, ":]")
			ranges, ok := named[name+":]"]
			if !ok {
				return t, 0, fmt.Errorf("no class has the name %q", name+":]")
			}
			t.ranges, inner = append(t.ranges, ranges...), rest
			continue
		}
		from, size, err := character(inner)
		if err != nil {
			return t, 0, err
		}
		to, rest := from, inner[size:]
		if len(rest) > 1 && rest[0] == '-' {
			if to, size, err = character(rest[1:]); err != nil {
				return t, 0, err
			}
			rest = rest[1+size:]
		}
		lo, _ := utf8.DecodeRuneInString(from)
		hi, _ := utf8.DecodeRuneInString(to)
		if lo > hi {
			return t, 0, fmt.Errorf("the range %s-%s is upside down", from, to)
		}
		t.ranges, inner = append(t.ranges, lo, hi), rest
	}
	if len(t.ranges) == 0 {
		return t, 0, errors.New("an empty []")
	}
	return t, n, nil
}

// matches reports whether the tokens match the whole name.
func matches(ts []token, name string) bool {
	i, j, back, from := 0, 0, -1, 0
	for j < len(name) {
		if i < len(ts) && ts[i].kind == star {
			i++
			back, from = i, j
			continue
		}
		if i < len(ts) {
			if n := ts[i].takes(name[j:]); n > 0 {
				i++
				j += n
				continue
			}
		}
		if back < 0 {
			return false
		}
		_, n := utf8.DecodeRuneInString(name[from:])
		from += n
		i, j = back, from
	}
	for i < len(ts) && ts[i].kind == star {
		i++
	}
	return i == len(ts)
}

// takes is how many bytes of the name the token matches; 0 if it does not.
func (t *token) takes(name string) int {
	if t.kind == literal {
		if strings.HasPrefix(name, t.text) {
			return len(t.text)
		}
		return 0
	}
	r, n := utf8.DecodeRuneInString(name)
	if t.kind == one {
		return n
	}
	in := false
	for i := 0; i < len(t.ranges); i += 2 {
		in = in || t.ranges[i] <= r && r <= t.ranges[i+1]
	}
	if in != t.not {
		return n
	}
	return 0
}
