package simulator

import (
	"strings"
	"unicode/utf8"
)

// noKey tells whether no store can have an entry as it is called: what S3 and the XML
// of its answers say of keys, read here anew and not asked of the program.
func noKey(path, content string) bool {
	key := keyPrefix + path
	if content == "dir" {
		key += "/"
	}
	if content == "" || strings.HasPrefix(content, "skipped ") {
		return false
	}
	if len(key) > 1024 || !utf8.ValidString(key) || strings.HasPrefix(path, ".sledge-") {
		return true
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return true
		}
	}
	return strings.ContainsFunc(key, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff })
}
