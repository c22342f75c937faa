package keyfile

import (
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/internal/advice"
)

// Kind is what a file of keys holds, as far as its form shows.
type Kind int

const (
	None Kind = iota
	LoadKey
	SiteKey
	AgeIdentity
	ageRecipient
	ageFile
	PrivateKey
	PublicKey
	lockedKey
)

// kinds describes each kind, says what one looks like, and where it is taken.
var kinds = map[Kind]struct{ is, form, taken string }{
	None:         {is: "no key"},
	LoadKey:      {"a load key", `64 hexadecimal characters, or the text that "age -d" gives of a disk's sledge/wraps/*.age`, "give it with --load-key FILE"},
	SiteKey:      {"a site key", "the file jobs/<job id>/site.key of the site's folder", "give it with --site-key FILE"},
	AgeIdentity:  {"an age identity", `a file of "age-keygen -pq", with a line that begins with AGE-SECRET-KEY-`, "give it with --recovery FILE"},
	ageRecipient: {"an age recipient", "a line that begins with age1", "that is the public half: the identity has a line that begins with AGE-SECRET-KEY-"},
	ageFile:      {"an encrypted age file", "the output of age", "decrypt it first, and pipe it: age -d FILE | sledge … with - for FILE; a disk's sledge/wraps/*.age is opened with --recovery IDENTITY"},
	PrivateKey:   {"a private key", "a PEM file of the site's folder, such as importer.key", "a private key stays where it is: give its .pub file where a public one is asked for"},
	PublicKey:    {"a public key", "a PEM file, such as signer.pub", "a public key opens and signs nothing: give its .key file"},
	lockedKey:    {"an encrypted private key", "a PEM file", "decrypt it first, and pipe it: openssl pkey -in FILE | sledge … with - for FILE"},
}

// Wrong is the error of a file that holds something else than the key that is
// wanted: what it holds, and where that is taken.
func Wrong(place, text string, want Kind, reason error) error {
	found := KindOf(text)
	if found == None || found == want {
		return advice.Hint(&advice.UsageError{Err: fmt.Errorf("%s: holds no %s: %w", place, bareKind(want), reason)}, "%s is %s", kinds[want].is, kinds[want].form)
	}
	return advice.Hint(advice.Usagef("%s: holds %s, not %s", place, kinds[found].is, kinds[want].is), "%s", kinds[found].taken)
}

// bareKind is a kind without its article.
func bareKind(k Kind) string {
	_, name, _ := strings.Cut(kinds[k].is, " ")
	return name
}

// KindOf tells a file of keys by its form. Nothing is proven by that.
func KindOf(text string) Kind {
	text = Trim(text)
	if strings.HasPrefix(text, "age-encryption.org/v1") {
		return ageFile
	}
	if block, _ := pem.Decode([]byte(text)); block != nil {
		switch {
		case block.Type == "AGE ENCRYPTED FILE":
			return ageFile
		case block.Type == "PUBLIC KEY":
			return PublicKey
		case block.Type == "ENCRYPTED PRIVATE KEY":
			return lockedKey
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return PrivateKey
		}
		return None
	}
	lines := Lines(text)
	first := ""
	if len(lines) > 0 {
		first = lines[0]
	}
	switch {
	case strings.HasPrefix(text, "# sledge site key"):
		return SiteKey
	case strings.HasPrefix(strings.ToUpper(first), "AGE-SECRET-KEY-"):
		return AgeIdentity
	case strings.HasPrefix(first, "age1"):
		return ageRecipient
	case first == RecoveryTitle, isHexKey(first) && len(lines) == 1:
		return LoadKey
	}
	return None
}

// RecoveryTitle is the first line of what age decrypts of a recovery wrap.
const RecoveryTitle = "sledge recovery key"

func isHexKey(line string) bool {
	b, err := hex.DecodeString(line)
	return err == nil && len(b) == 32
}

// Trim takes off what editors and shells put around a key: a byte order mark, and
// white space.
func Trim(text string) string { return strings.TrimSpace(strings.TrimPrefix(text, "\ufeff")) }

// Lines are a file's lines without their ends, comments and empty lines.
func Lines(text string) (lines []string) {
	for line := range strings.Lines(Trim(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}
