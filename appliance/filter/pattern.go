package filter

import (
	"errors"
	"fmt"
	"strings"
)

// ErrPattern: a pattern cannot be read.
var ErrPattern = errors.New("not a pattern")

// maxExpanded bounds what the alternatives of one pattern come to.
const maxExpanded = 1024

// pattern is one of the alternatives of a pattern that was given.
type pattern struct {
	elements []element
	folder   bool // matches folders alone
}

// element matches one element of a path, or, with deep, any number of them.
type element struct {
	deep   bool
	tokens []token
}

// parse reads a pattern into its alternatives.
func parse(text string) ([]pattern, error) {
	if strings.ContainsRune(text, 0) {
		return nil, fmt.Errorf("%w: %q holds a NUL", ErrPattern, text)
	}
	var out []pattern
	alternatives, err := alternativesOf(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %w", ErrPattern, text, err)
	}
	for _, a := range alternatives {
		p, err := parseOne(a)
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %w", ErrPattern, text, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// parseOne reads a pattern without alternatives. One without a slash at its beginning
// matches at every depth.
func parseOne(text string) (p pattern, err error) {
	names := strings.Split(text, "/")
	if names[0] != "" {
		p.elements = append(p.elements, element{deep: true})
	}
	p.folder = len(names) > 1 && names[len(names)-1] == ""
	deep := false // the last element is
	for _, name := range names {
		switch name {
		case "":
			continue
		case ".", "..":
			return p, fmt.Errorf("the element %q matches no name", name)
		}
		e := element{deep: name == "**"}
		if !e.deep {
			if e.tokens, err = tokens(name); err != nil {
				return p, err
			}
		}
		p.elements, deep = append(p.elements, e), e.deep
	}
	if deep { // what is below, not the folder itself
		p.elements = append(p.elements, element{tokens: []token{{kind: star}}})
	}
	if len(p.elements) == 0 {
		return p, errors.New("it has no name")
	}
	return p, nil
}

// match reports whether the pattern matches the whole path.
func (p *pattern) match(path []string, folder bool) bool {
	if p.folder && !folder {
		return false
	}
	i, j, back, from := 0, 0, -1, 0 // back: behind the last deep element, which has taken the path up to from
	for j < len(path) {
		switch {
		case i < len(p.elements) && p.elements[i].deep:
			i++
			back, from = i, j
		case i < len(p.elements) && matches(p.elements[i].tokens, path[j]):
			i++
			j++
		case back >= 0:
			from++
			i, j = back, from
		default:
			return false
		}
	}
	for i < len(p.elements) && p.elements[i].deep {
		i++
	}
	return i == len(p.elements)
}

// below reports whether the pattern may match something below the folder.
func (p *pattern) below(folder []string) bool {
	for i, name := range folder {
		switch {
		case i >= len(p.elements):
			return false
		case p.elements[i].deep:
			return true
		case !matches(p.elements[i].tokens, name):
			return false
		}
	}
	return len(p.elements) > len(folder)
}
