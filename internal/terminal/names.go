package terminal

import (
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

const (
	// LongName is how many columns of a name a message shows. Paths have up to 4,096
	// bytes, and JSON and lists have them whole.
	LongName = 160
	// LongLine is the most of a message. It bounds what no quotes tell to be a name.
	LongLine = 1200
)

// ShownName is a name in a report for people: escaped, and cut in its middle if it is
// long.
func ShownName(path string) string { return CutMiddle(Escape(path), LongName) }

// NamesShown is the text of an error with the paths that the system's errors name made one
// word each: escaped, so that none makes a line of its own, and cut in its middle. They stand
// there without quotes, and may have spaces.
func NamesShown(err error, text string) string {
	for _, name := range namesIn(err) {
		if short := ShownName(name); short != name {
			text = strings.ReplaceAll(text, name, short)
		}
	}
	return text
}

// namesIn are the paths in the system's errors.
func namesIn(err error) (names []string) {
	switch e := err.(type) {
	case nil:
		return nil
	case *fs.PathError:
		names = append(names, e.Path)
	case *os.LinkError:
		names = append(names, e.Old, e.New)
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return append(names, namesIn(e.Unwrap())...)
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			names = append(names, namesIn(one)...)
		}
	}
	return names
}

// Shown is a message for people: escaped, with long names cut in their middle.
func Shown(text string) string {
	text = replaceEach(Escape(text), quotedName, func(quoted string) string {
		if Columns(quoted) <= LongName {
			return quoted
		}
		return `"` + CutMiddle(quoted[1:len(quoted)-1], LongName-2) + `"`
	})
	text = replaceEach(text, word, func(word string) string {
		if utf8.RuneCountInString(word) <= LongName {
			return word
		}
		return CutMiddle(word, LongName)
	})
	return CutMiddle(text, LongLine)
}

// replaceEach replaces what find finds at the beginning of the rest of a text, over and over.
// Regular expressions would do the same, and a small program would have to link them.
func replaceEach(text string, find func(rest string) int, by func(string) string) string {
	var b strings.Builder
	for len(text) > 0 {
		n := find(text)
		if n > 0 {
			b.WriteString(by(text[:n]))
		} else {
			n = 1
			b.WriteByte(text[0])
		}
		text = text[n:]
	}
	return b.String()
}

// quotedName is the length of the quoted text that a text begins with; zero is none. A
// backslash takes its next character along.
func quotedName(text string) int {
	if text[0] != '"' {
		return 0
	}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return i + 1
		case '\\':
			i++
		}
	}
	return 0
}

// word is the length of the word that a text begins with: up to white space or a quote.
func word(text string) int {
	if n := strings.IndexAny(text, "\t\n\f\r \""); n >= 0 {
		return n
	}
	return len(text)
}
