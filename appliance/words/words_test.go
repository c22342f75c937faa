package words

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sledge-io/sledge/manifest"
)

// TestTextsAreUTF8: what the format calls text is UTF-8, whatever a system's errors are,
// and wherever a long one is cut.
func TestTextsAreUTF8(t *testing.T) {
	if got := Cause(errors.New("open bad-\xff: no")); got != "open bad-\uFFFD: no" {
		t.Errorf("cause %q", got)
	}
	raw, err := (&manifest.Event{What: "note", Text: strings.Repeat("x", 1023) + "ü", Bay: -1}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	e, err := manifest.DecodeEntry(raw)
	if err != nil || !utf8.ValidString(e.Event.Text) || len(e.Event.Text) != 1023 {
		t.Errorf("event of %d bytes: %v", len(e.Event.Text), err)
	}
}
