package plan

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// An oddity is something about a key that stores have been seen to rewrite: SeaweedFS
// keeps a backslash as a slash, R2 composes Unicode, gateways to a file system fold case
// or drop a dot at a name's end. The object is then found under both names and listed
// under one. The probe writes what the manifest's keys have of them.
type Oddity struct {
	ID     string // stable: the journal has it
	What   string // of a key, for the operator
	Sample string // a piece of a key that has it, and nothing else odd
	In     func(key string) bool
}

// The oddities that are no single character of ASCII.
var oddClasses = []Oddity{
	{"upper-case", "an upper-case letter", "Q", func(key string) bool {
		return strings.ContainsFunc(key, func(c rune) bool { return c >= 'A' && c <= 'Z' })
	}},
	{"dot-begins", "a dot at a name's beginning", "x/.x", func(key string) bool { return key[0] == '.' || strings.Contains(key, "/.") }},
	{"dot-ends", "a dot at a name's end", "x./x", func(key string) bool { return strings.HasSuffix(key, ".") || strings.Contains(key, "./") }},
	{"space-begins", "a space at a name's beginning", "x/ x", func(key string) bool { return key[0] == ' ' || strings.Contains(key, "/ ") }},
	{"space-ends", "a space at a name's end", "x /x", func(key string) bool { return strings.HasSuffix(key, " ") || strings.Contains(key, " /") }},
	{"escape", "what looks like an escape of URLs", "%41", hasEscape},
	{"composed", "a composed character", "\u00e9", func(key string) bool { return !norm.NFD.IsNormalString(key) }},
	{"decomposed", "a decomposed character", "e\u0301", func(key string) bool { return !norm.NFC.IsNormalString(key) }},
	{"compatible", "a character that has a compatible one", "\ufb01", func(key string) bool { return !norm.NFKC.IsNormalString(norm.NFC.String(key)) }},
	{"invisible", "an invisible character", "\u200b", func(key string) bool {
		return strings.ContainsFunc(key, func(c rune) bool { return unicode.Is(unicode.Cf, c) })
	}},
	{"astral", "a character beyond U+FFFF", "\U0001d11e", func(key string) bool { return strings.ContainsFunc(key, func(c rune) bool { return c > 0xffff }) }},
	{"not-ascii", "a character that is not ASCII", "\u5b57", func(key string) bool { return !isASCII(key) }},
}

// oddCharacters are those of ASCII that are neither letters and digits nor one of -_./
const oddCharacters = " !\"#$%&'()*+,:;<=>?@[\\]^`{|}~"

// oddities are all of them, in the order in which they are tried.
var AllOddities = func() (all []Oddity) {
	for _, c := range oddCharacters {
		text := string(c)
		all = append(all, Oddity{fmt.Sprintf("%02x", c), fmt.Sprintf("the character %q", c), text, func(key string) bool { return strings.Contains(key, text) }})
	}
	return append(all, oddClasses...)
}()

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// hasEscape reports whether a key has a percent sign and two hexadecimal digits.
func hasEscape(key string) bool {
	for {
		i := strings.IndexByte(key, '%')
		if i < 0 || len(key) < i+3 {
			return false
		}
		if isHex(key[i+1]) && isHex(key[i+2]) {
			return true
		}
		key = key[i+1:]
	}
}

func isHex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

// IsPlain reports whether a key has nothing odd, at little cost: most have not.
func IsPlain(key string) bool {
	for i := range len(key) {
		c := key[i]
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_', c == '/':
		case c == '.' && i > 0 && key[i-1] != '/' && i+1 < len(key) && key[i+1] != '/':
		default:
			return false
		}
	}
	return true
}

// Oddities are the oddities of many keys.
type Oddities struct{ found map[string]bool }

func NewOddities() *Oddities { return &Oddities{map[string]bool{}} }

func (o *Oddities) Add(key string) {
	if len(o.found) == len(AllOddities) || IsPlain(key) {
		return
	}
	for _, odd := range AllOddities {
		if !o.found[odd.ID] && odd.In(key) {
			o.found[odd.ID] = true
		}
	}
}

// List returns them in the order in which they are tried.
func (o *Oddities) List() (list []Oddity) {
	for _, odd := range AllOddities {
		if o.found[odd.ID] {
			list = append(list, odd)
		}
	}
	return list
}

// renamed says what about a key this target has rewritten, or "".
func (p *Planner) renamed(key string) string {
	name := key[len(p.keys.prefix):]
	if len(p.renames) == 0 || IsPlain(name) {
		return ""
	}
	for _, odd := range AllOddities {
		if p.renames[odd.ID] && odd.In(name) {
			return odd.What
		}
	}
	return ""
}

// Rename tells the planner what the target rewrites.
func (p *Planner) Rename(ids []string) {
	p.renames = map[string]bool{}
	for _, id := range ids {
		p.renames[id] = true
	}
}
