package terminal

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
)

const (
	// LongName is how many columns of a name a message shows. Paths have up to 4,096
	// bytes, and JSON and lists have them whole.
	LongName = 160
	// LongLine is the most of a message. It bounds what no quotes tell to be a name.
	LongLine = 1200
)

var (
	quotedName = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	longWord   = regexp.MustCompile(`[^\s"]{161,}`)
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
	text = quotedName.ReplaceAllStringFunc(Escape(text), func(quoted string) string {
		if Columns(quoted) <= LongName {
			return quoted
		}
		return `"` + CutMiddle(quoted[1:len(quoted)-1], LongName-2) + `"`
	})
	text = longWord.ReplaceAllStringFunc(text, func(word string) string { return CutMiddle(word, LongName) })
	return CutMiddle(text, LongLine)
}
