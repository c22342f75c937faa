package scan

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/manifest"
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

// Rules are the target's limits that names and sizes are held against, and what
// of a source the job wants as objects.
type Rules struct {
	Prefix     string             // key prefix of the target
	Key        manifest.KeyLimits // MaxKey 0 means 1,024
	MaxObject  int64              // bytes; 0 means 48.8 TiB (10,000 parts of 5 GiB)
	NoSymlinks bool               // symlinks become no objects, so their names do not matter
	NoFolders  bool               // nor do folders'
}

const (
	defaultMaxKey    = 1024
	defaultMaxObject = 10000 * (5 << 30)
)

// The findings that are not about a key alone.
const (
	findTooLarge  = "too-large"
	findCase      = "case-collision"
	findNormalize = "unicode-collision"
)

// FindingInfo is one line of the table of findings.
type FindingInfo struct {
	Code    string
	Blocks  bool
	Meaning string
}

// Findings returns the table of findings, for the documentation.
func Findings() []FindingInfo {
	return []FindingInfo{
		{manifest.KeyTooLong, true, "the object key would be longer than the target takes"},
		{findTooLarge, true, "the file is over the target's limit"},
		{manifest.KeyNotUTF8, true, "the name is not UTF-8, which object keys must be"},
		{manifest.KeyControlCharacter, true, "the name holds a control character (U+0000–U+001F, U+007F–U+009F)"},
		{manifest.KeyNotXML, true, "the name holds U+FFFE or U+FFFF, which the target's listings cannot carry"},
		{manifest.KeyReserved, true, "the target cannot address an object of this key, or the import keeps it for itself (`.sledge-…`)"},
		{manifest.KeyDotSegment, true, "a part of the key between slashes is empty, `.` or `..`"},
		{manifest.KeySegmentTooLong, true, "a part of the key between slashes is longer than the target takes"},
		{findCase, false, "two names differ only in case"},
		{findNormalize, false, "two names are the same text in different Unicode forms"},
	}
}

// Check holds one entry against the rules, by itself. What it finds is what the
// import would refuse, and blocks.
func (r Rules) Check(path string, kind manifest.Kind, size int64) (found []Finding) {
	if kind == manifest.KindSkipped || kind == manifest.KindSymlink && r.NoSymlinks || kind == manifest.KindDir && r.NoFolders {
		return nil
	}
	key, limits, maxObject := r.Prefix+path, r.Key, r.MaxObject
	if kind == manifest.KindDir {
		key += "/"
	}
	if limits.MaxKey == 0 {
		limits.MaxKey = defaultMaxKey
	}
	if maxObject == 0 {
		maxObject = defaultMaxObject
	}
	if strings.HasPrefix(path, manifest.ReservedKeys) {
		found = append(found, Finding{Code: manifest.KeyReserved, Path: path, Text: "names that begin with " + manifest.ReservedKeys + " are the import's own", Blocks: true})
	}
	for _, p := range manifest.CheckKey(key, limits) {
		found = append(found, Finding{Code: p.Code, Path: path, Text: p.Text, Blocks: true})
	}
	if size > maxObject && (kind == manifest.KindFile || kind == manifest.KindHardlink) {
		found = append(found, Finding{Code: findTooLarge, Path: path, Text: fmt.Sprintf("%d bytes, the target takes %d", size, maxObject), Blocks: true})
	}
	return found
}

func (r Rules) lint(it *Item, report func(Finding)) {
	for _, f := range r.Check(it.Path, it.Kind, it.Size) {
		report(f)
	}
}

// foldKey maps names that some file systems and stores take for the same to the
// same bytes: case folded, composed.
var folding = cases.Fold()

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
	return norm.NFC.String(folding.String(norm.NFC.String(key)))
}

// collisions gathers names by their folded form, in bounded memory.
type collisions struct{ sorter *extsort.Sorter }

func (c *collisions) add(it *Item) error {
	key := it.Path
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
		code, text := findCase, "differs only in case from %q"
		if norm.NFC.String(first) == norm.NFC.String(string(v)) {
			code, text = findNormalize, "is the same text as %q in another Unicode form"
		}
		f(Finding{Code: code, Path: string(v), Text: fmt.Sprintf(text, first)})
		return nil
	})
}
