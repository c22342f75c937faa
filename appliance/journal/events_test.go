package journal

import (
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/manifest"
)

// TestEventsEncode: an event that cannot be put on record is an error, not a gap.
func TestEventsEncode(t *testing.T) {
	good := manifest.Event{What: "note", Bay: -1}
	bad := manifest.Event{What: strings.Repeat("x", manifest.MaxEntry), Bay: -1}
	if b, err := EncodeEvents(time.Now(), good, bad); err == nil {
		t.Errorf("%d of 2 events, and no error", len(b))
	}
	if b, err := EncodeEvents(time.Now(), good, good); err != nil || len(b) != 2 {
		t.Errorf("%d of 2 events: %v", len(b), err)
	}
}
