package filter

import (
	"errors"
	"fmt"
	"strings"
)

// alternativesOf writes a pattern out: one text for each choice of its braces, and two
// for a ** that is part of an element, which may cross folders or not.
func alternativesOf(text string) ([]string, error) {
	out, err := braces(text)
	if err != nil {
		return nil, err
	}
	for i := 0; i < len(out); i++ {
		for {
			short, long, ok := crossing(out[i])
			if !ok {
				break
			}
			if out[i] = short; len(out) == maxExpanded {
				return nil, fmt.Errorf("it has more than %d alternatives", maxExpanded)
			}
			out = append(out, long)
		}
	}
	return out, nil
}

// braces writes the braces of a pattern out.
func braces(text string) ([]string, error) {
	open := next(text, "{}")
	if open == len(text) {
		return []string{text}, nil
	}
	if text[open] == '}' {
		return nil, errors.New("a } without a {")
	}
	if strings.HasPrefix(text[open:], "{{") {
		return nil, errors.New("{{…}} is rclone's regular expression, which no pattern here can be")
	}
	var choices []string
	depth, from, i := 0, open+1, open+1
	for ; depth >= 0; i++ {
		i += next(text[i:], "{},")
		if i == len(text) {
			return nil, errors.New("a { without a }")
		}
		switch c := text[i]; {
		case c == '{':
			depth++
		case c == '}' && depth > 0:
			depth--
		case c == '}' || depth == 0:
			choices = append(choices, text[from:i])
			from = i + 1
			if c == '}' {
				depth = -1
			}
		}
	}
	tails, err := braces(text[i:])
	if err != nil {
		return nil, err
	}
	var out []string
	for _, choice := range choices {
		heads, err := braces(choice)
		if err != nil {
			return nil, err
		}
		if len(out)+len(heads)*len(tails) > maxExpanded {
			return nil, fmt.Errorf("it has more than %d alternatives", maxExpanded)
		}
		for _, head := range heads {
			for _, tail := range tails {
				out = append(out, text[:open]+head+tail)
			}
		}
	}
	return out, nil
}

// crossing finds the first ** that has more beside it in its element: a**b is a*b in one
// element, or a* and, any number of folders deeper, *b.
func crossing(text string) (short, long string, ok bool) {
	for i := 0; i < len(text); i++ {
		if i += next(text[i:], "*"); i == len(text) {
			return "", "", false
		}
		end := i + 1
		for end < len(text) && text[end] == '*' {
			end++
		}
		alone := (i == 0 || text[i-1] == '/') && (end == len(text) || text[end] == '/')
		if end-i >= 2 && (!alone || end-i > 2) {
			if alone {
				return text[:i] + "**" + text[end:], text[:i] + "**" + text[end:], true
			}
			return text[:i] + "*" + text[end:], text[:i] + "*/**/*" + text[end:], true
		}
		i = end - 1
	}
	return "", "", false
}

// next is the place of the first of the characters that is neither escaped nor in a class.
func next(text, characters string) int {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case strings.IndexByte(characters, c) >= 0:
			return i
		case c == '\\':
			i++
		case c == '[':
			i += classLen(text[i:]) - 1
		}
	}
	return len(text)
}
