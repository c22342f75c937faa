package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// manyNames is where a level's names are looked up in a map instead of one by one.
const manyNames = 32

// maxNesting is how deep objects and lists may stand within one another (section 2.2).
const maxNesting = 32

// nameScan walks the names of a JSON text: a list of millions of lines is read by it, so
// that it takes no memory for what is short.
type nameScan struct {
	names  [][]byte // of all open objects
	levels []nameLevel
}

type nameLevel struct {
	object bool
	first  int             // of its names
	many   map[string]bool // its names, once there are manyNames
}

// eachName calls f for each name of each object of a text, and refuses an object that gives a
// name twice: of two values one reader takes the first and another the last. It ends early
// where the text is not valid, which whoever decodes it finds.
func eachName(text []byte, f func(name []byte)) error {
	s := nameScan{names: make([][]byte, 0, manyNames), levels: make([]nameLevel, 0, 8)}
	next := false // the next text is a name
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '{', '[':
			if next = c == '{'; len(s.levels) == maxNesting {
				return fmt.Errorf("nested more than %d deep", maxNesting)
			}
			s.levels = append(s.levels, nameLevel{object: next, first: len(s.names)})
		case '}', ']':
			if len(s.levels) == 0 {
				return nil
			}
			s.names, s.levels = s.names[:s.levels[len(s.levels)-1].first], s.levels[:len(s.levels)-1]
			next = false
		case ',':
			if len(s.levels) == 0 {
				return nil
			}
			next = s.levels[len(s.levels)-1].object
		case '"':
			end, ok := textEnd(text, i)
			if !ok {
				return nil
			}
			if next {
				name, err := s.add(text[i : end+1])
				if err != nil {
					return err
				}
				f(name)
			}
			i, next = end, false
		}
	}
	return nil
}

// textEnd is the place of the quote that ends the text at i: the first one that no odd number
// of backslashes stands before.
func textEnd(text []byte, i int) (end int, ok bool) {
	for end = i; ; {
		n := bytes.IndexByte(text[end+1:], '"')
		if n < 0 {
			return 0, false
		}
		from := end + 1
		end = from + n
		escape := end
		for escape > from && text[escape-1] == '\\' {
			escape--
		}
		if (end-escape)%2 == 0 {
			return end, true
		}
	}
}

// add takes a quoted name of the innermost object.
func (s *nameScan) add(quoted []byte) (name []byte, err error) {
	name = quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 || !utf8.Valid(name) {
		var text string
		if err := json.Unmarshal(quoted, &text); err != nil {
			return nil, err
		}
		name = []byte(text)
	}
	l := &s.levels[len(s.levels)-1]
	if l.has(s.names[l.first:], name) {
		return nil, fmt.Errorf("%q is given twice", name)
	}
	s.names = append(s.names, name)
	if own := s.names[l.first:]; len(own) == manyNames {
		l.many = map[string]bool{}
		for _, n := range own {
			l.many[string(n)] = true
		}
	} else if l.many != nil {
		l.many[string(name)] = true
	}
	return name, nil
}

func (l *nameLevel) has(own [][]byte, name []byte) bool {
	if l.many != nil {
		return l.many[string(name)]
	}
	for _, n := range own {
		if bytes.Equal(n, name) {
			return true
		}
	}
	return false
}
