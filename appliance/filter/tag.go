package filter

import (
	"fmt"
	"strings"
)

// tag is a file that marks its folder: what else is in the folder is left out.
type tag struct {
	name, header string // header: what the file begins with
	rule         string
}

// cacheTag is of the Cache Directory Tagging Specification.
var cacheTag = tag{"CACHEDIR.TAG", "Signature: 8a477f597d28d172789f06886806bc55", "exclude-caches"}

func newTag(text string) (tag, error) {
	name, header, _ := strings.Cut(text, ":")
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return tag{}, fmt.Errorf("--exclude-if-present %q: NAME or NAME:HEADER, where NAME is one file's name", text)
	}
	return tag{name, header, "exclude-if-present " + text}, nil
}

// Tag tells whether a folder is marked: it returns the mark's name, which is taken, and the
// rule that leaves the rest out. begins reports whether the folder has an entry of a name
// that begins with a header.
func (s *Set) Tag(begins func(name, header string) bool) (name, rule string) {
	if s == nil {
		return "", ""
	}
	for _, t := range s.tags {
		if begins(t.name, t.header) {
			return t.name, t.rule
		}
	}
	return "", ""
}

// Tags reports whether folders have to be asked for marks.
func (s *Set) Tags() bool { return s != nil && len(s.tags) > 0 }
