package appliance

import (
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/sledge-io/sledge/internal/extsort"
)

// Finding is something about a name or a file that the target, or a later
// reader, would trip over. It is reported before any byte is loaded.
type Finding struct {
	Code string `json:"code"`
	Path string `json:"path"`
	Text string `json:"text"`
	// Blocks says that the entry cannot be imported under its own name.
	Blocks bool `json:"blocks"`
}

// Rules are the target's limits that names and sizes are held against.
type Rules struct {
	Prefix    string // key prefix of the target
	MaxKey    int    // bytes; 0 means 1,024
	MaxObject int64  // bytes; 0 means 48.8 TiB (10,000 parts of 5 GiB)
}

const (
	defaultMaxKey    = 1024
	defaultMaxObject = 10000 * (5 << 30)
)

// lintKey checks one entry against the rules, by itself.
func (r Rules) lint(it *item, report func(Finding)) {
	key := r.Prefix + it.orderKey()
	maxKey, maxObject := r.MaxKey, r.MaxObject
	if maxKey == 0 {
		maxKey = defaultMaxKey
	}
	if maxObject == 0 {
		maxObject = defaultMaxObject
	}
	add := func(code string, blocks bool, format string, args ...any) {
		report(Finding{Code: code, Path: it.path, Text: fmt.Sprintf(format, args...), Blocks: blocks})
	}
	if len(key) > maxKey {
		add("key-too-long", true, "object key of %d bytes, the target takes %d", len(key), maxKey)
	}
	if it.size > maxObject {
		add("too-large", true, "%d bytes, the target takes %d", it.size, maxObject)
	}
	if !utf8.ValidString(key) {
		add("not-utf8", true, "name is not UTF-8, which object keys must be")
		return
	}
	for _, c := range key {
		if c < 0x20 || c == 0x7f {
			add("control-character", false, "name contains the control character %U", c)
			break
		}
		if c == 0xfffe || c == 0xffff {
			add("not-xml", true, "name contains %U, which the target's listings cannot carry", c)
			break
		}
	}
}

// foldKey maps names that some file systems and stores take for the same to the
// same bytes: case folded, composed.
var folder = cases.Fold()

func foldKey(key string) string {
	ascii := true
	for i := 0; i < len(key); i++ {
		if key[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		b := []byte(key)
		for i, c := range b {
			if 'A' <= c && c <= 'Z' {
				b[i] = c + 'a' - 'A'
			}
		}
		return string(b)
	}
	return norm.NFC.String(folder.String(norm.NFC.String(key)))
}

// collisions gathers names by their folded form, in bounded memory.
type collisions struct{ sorter *extsort.Sorter }

func (c *collisions) add(it *item) error {
	key := it.path
	return c.sorter.Add([]byte(foldKey(key)), []byte(key))
}

// report names every group of two or more.
func (c *collisions) report(f func(Finding)) error {
	var key, first string
	return c.sorter.Each(func(k, v []byte) error {
		if string(k) != key || first == "" {
			key, first = string(k), string(v)
			return nil
		}
		if string(v) == first {
			return nil
		}
		code, text := "case-collision", "differs only in case from %q"
		if norm.NFC.String(first) == norm.NFC.String(string(v)) {
			code, text = "unicode-collision", "is the same text as %q in another Unicode form"
		}
		f(Finding{Code: code, Path: string(v), Text: fmt.Sprintf(text, first)})
		return nil
	})
}
