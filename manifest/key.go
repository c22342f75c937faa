package manifest

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// KeyLimits are what a target's object keys must keep to, besides what no
// target can hold. Zero values are no limit.
type KeyLimits struct {
	MaxKey     int  // bytes
	MaxSegment int  // bytes between two slashes
	NoSoap     bool // the key "soap" cannot be addressed
}

// KeyProblem is why a key cannot be an object of the target. Its text names no
// part of the key but single characters.
type KeyProblem struct {
	Code string // one of KeyCodes
	Text string
}

// The codes of KeyProblem.
const (
	KeyTooLong          = "key-too-long"
	KeyNotUTF8          = "not-utf8"
	KeyControlCharacter = "control-character"
	KeyNotXML           = "not-xml"
	KeyReserved         = "reserved-key"
	KeyDotSegment       = "dot-segment"
	KeySegmentTooLong   = "segment-too-long"
)

// ReservedKeys is what the keys begin with that an import keeps for itself, right
// below the target's prefix.
const ReservedKeys = ".sledge-"

// CheckKey is the one rule for object keys: what it names is refused by the
// import and blocks a load, and nothing else about a key does. Each code is
// named once, for its first place.
//
// A key may hold control characters, but they do not come through: the XML of
// listings cannot carry U+0000–U+001F but tab, newline and carriage return, nor
// U+FFFE and U+FFFF; it turns a carriage return into a newline; and S3 advises
// against all of U+0000–U+001F and U+007F–U+009F. What cannot be listed and
// typed again is not stored.
func CheckKey(key string, limits KeyLimits) (problems []KeyProblem) {
	add := func(code, format string, args ...any) {
		for _, p := range problems {
			if p.Code == code {
				return
			}
		}
		problems = append(problems, KeyProblem{code, fmt.Sprintf(format, args...)})
	}
	if limits.MaxKey > 0 && len(key) > limits.MaxKey {
		add(KeyTooLong, "object key of %d bytes, the target takes %d", len(key), limits.MaxKey)
	}
	if utf8.ValidString(key) {
		for _, c := range key {
			switch {
			case c < 0x20 || c >= 0x7f && c < 0xa0:
				add(KeyControlCharacter, "name contains the control character %U", c)
			case c == 0xfffe || c == 0xffff:
				add(KeyNotXML, "name contains %U, which the target's listings cannot carry", c)
			}
		}
	} else {
		add(KeyNotUTF8, "name is not UTF-8, which object keys must be")
	}
	if limits.NoSoap && key == "soap" {
		add(KeyReserved, `the key "soap" cannot be addressed at this target`)
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(key, "/"), "/") {
		switch {
		case part == "" || part == "." || part == "..":
			add(KeyDotSegment, "key has an empty or dot segment")
		case limits.MaxSegment > 0 && len(part) > limits.MaxSegment:
			add(KeySegmentTooLong, "key has a segment of %d bytes, the target takes %d", len(part), limits.MaxSegment)
		}
	}
	return problems
}
