package target

import (
	"fmt"
	"slices"
	"strings"
)

const (
	ContentTypeAuto = "auto"
	sseS3           = "AES256"
	sseKMS          = "aws:kms"
	sseDSSE         = "aws:kms:dsse"
)

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
