package target

import (
	"fmt"
	"slices"
	"strings"
)

// ContentTypeAuto asks for the content type of a file's name.
const (
	ContentTypeAuto = "auto"
	sseS3           = "AES256"
	sseKMS          = "aws:kms"
	sseDSSE         = "aws:kms:dsse"
)

// Limits of S3 (user guide: "Categorizing your objects using tags"; API reference: PutObject).
const (
	maxTags     = 10
	maxTagKey   = 128 // characters
	maxTagValue = 256
	maxHeader   = 1024 // bytes of one value
	maxContext  = 4096 // bytes of an encryption context
)

// OneOf accepts the known words and "".
func OneOf(word string, known ...string) error {
	if word == "" || slices.Contains(known, word) {
		return nil
	}
	return fmt.Errorf("%q: must be one of %s", word, strings.Join(known, ", "))
}
