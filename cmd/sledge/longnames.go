package main

import "regexp"

const (
	// longName is how many columns of a name a message shows. Paths have up to 4,096
	// bytes, and JSON and lists have them whole.
	longName = 160
	// longLine is the most of a message. It bounds what no quotes tell to be a name.
	longLine = 1200
)

var (
	quotedName = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)
	longWord   = regexp.MustCompile(`[^\s"]{161,}`)
)

// shownName is a name in a report for people: escaped, and cut in its middle if it is
// long.
func shownName(path string) string { return cutMiddle(escape(path), longName) }

// shown is a message for people: escaped, with long names cut in their middle.
func shown(text string) string {
	text = quotedName.ReplaceAllStringFunc(escape(text), func(quoted string) string {
		if columns(quoted) <= longName {
			return quoted
		}
		return `"` + cutMiddle(quoted[1:len(quoted)-1], longName-2) + `"`
	})
	text = longWord.ReplaceAllStringFunc(text, func(word string) string { return cutMiddle(word, longName) })
	return cutMiddle(text, longLine)
}
