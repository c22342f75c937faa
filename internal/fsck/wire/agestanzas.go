package wire

import (
	"bytes"
	"fmt"
	"strings"
)

// stanzaOf is the type of the stanza that an age file has for a recipient
// (c2sp.org/age): of a post-quantum one, and of a classic one.
func stanzaOf(recipient string) string {
	if strings.HasPrefix(recipient, "age1pq1") {
		return "mlkem768x25519"
	}
	return "X25519"
}

// AgeStanzas lists the types of a file's stanzas, in order. At most MaxWrapSize bytes
// are in it.
func AgeStanzas(raw []byte) (types []string, err error) {
	rest, ok := bytes.CutPrefix(raw, []byte("age-encryption.org/v1\n"))
	for ok {
		var line []byte
		if line, rest, ok = bytes.Cut(rest, []byte("\n")); !ok || bytes.HasPrefix(line, []byte("--- ")) {
			break
		}
		if stanza, begins := bytes.CutPrefix(line, []byte("-> ")); begins {
			kind, _, _ := strings.Cut(string(stanza), " ")
			types = append(types, kind)
		}
	}
	if !ok {
		return nil, fmt.Errorf("%w: not an age file", ErrMalformed)
	}
	return types, nil
}
