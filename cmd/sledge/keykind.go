package main

import (
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
)

// keyKind is what a file of keys holds, as far as its form shows.
type keyKind int

const (
	noKey keyKind = iota
	loadKey
	siteKey
	ageIdentity
	ageRecipient
	ageFile
	privateKey
	publicKey
	lockedKey
)

// keyKinds describes each kind, says what one looks like, and where it is taken.
var keyKinds = map[keyKind]struct{ is, form, taken string }{
	noKey:        {is: "no key"},
	loadKey:      {"a load key", `64 hexadecimal characters, or the text that "age -d" gives of a disk's sledge/wraps/*.age`, "give it with --load-key FILE"},
	siteKey:      {"a site key", "the file jobs/<job id>/site.key of the site's folder", "give it with --site-key FILE"},
	ageIdentity:  {"an age identity", `a file of "age-keygen -pq", with a line that begins with AGE-SECRET-KEY-`, "give it with --recovery FILE"},
	ageRecipient: {"an age recipient", "a line that begins with age1", "that is the public half: the identity has a line that begins with AGE-SECRET-KEY-"},
	ageFile:      {"an encrypted age file", "the output of age", "decrypt it first, and pipe it: age -d FILE | sledge … with - for FILE; a disk's sledge/wraps/*.age is opened with --recovery IDENTITY"},
	privateKey:   {"a private key", "a PEM file of the site's folder, such as importer.key", "a private key stays where it is: give its .pub file where a public one is asked for"},
	publicKey:    {"a public key", "a PEM file, such as signer.pub", "a public key opens and signs nothing: give its .key file"},
	lockedKey:    {"an encrypted private key", "a PEM file", "decrypt it first, and pipe it: openssl pkey -in FILE | sledge … with - for FILE"},
}

// wrongKey is the error of a file that holds something else than the key that is
// wanted: what it holds, and where that is taken.
func wrongKey(place, text string, want keyKind, reason error) error {
	found := kindOf(text)
	if found == noKey || found == want {
		return hint(&usageError{Err: fmt.Errorf("%s: holds no %s: %w", place, bareKind(want), reason)}, "%s is %s", keyKinds[want].is, keyKinds[want].form)
	}
	return hint(usagef("%s: holds %s, not %s", place, keyKinds[found].is, keyKinds[want].is), "%s", keyKinds[found].taken)
}

// bareKind is a kind without its article.
func bareKind(k keyKind) string {
	_, name, _ := strings.Cut(keyKinds[k].is, " ")
	return name
}

// kindOf tells a file of keys by its form. Nothing is proven by that.
func kindOf(text string) keyKind {
	text = trimKey(text)
	if strings.HasPrefix(text, "age-encryption.org/v1") {
		return ageFile
	}
	if block, _ := pem.Decode([]byte(text)); block != nil {
		switch {
		case block.Type == "AGE ENCRYPTED FILE":
			return ageFile
		case block.Type == "PUBLIC KEY":
			return publicKey
		case block.Type == "ENCRYPTED PRIVATE KEY":
			return lockedKey
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return privateKey
		}
		return noKey
	}
	lines := keyLines(text)
	first := ""
	if len(lines) > 0 {
		first = lines[0]
	}
	switch {
	case strings.HasPrefix(text, "# sledge site key"):
		return siteKey
	case strings.HasPrefix(strings.ToUpper(first), "AGE-SECRET-KEY-"):
		return ageIdentity
	case strings.HasPrefix(first, "age1"):
		return ageRecipient
	case first == recoveryTitle, isHexKey(first) && len(lines) == 1:
		return loadKey
	}
	return noKey
}

// recoveryTitle is the first line of what age decrypts of a recovery wrap.
const recoveryTitle = "sledge recovery key"

func isHexKey(line string) bool {
	b, err := hex.DecodeString(line)
	return err == nil && len(b) == 32
}

// trimKey takes off what editors and shells put around a key: a byte order mark, and
// white space.
func trimKey(text string) string { return strings.TrimSpace(strings.TrimPrefix(text, "\ufeff")) }

// keyLines are a file's lines without their ends, comments and empty lines.
func keyLines(text string) (lines []string) {
	for line := range strings.Lines(trimKey(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}
