package appliance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/manifest"
)

// TestSealKeepsEveryEvent: the signed log has every event of the journal, however many
// they are, and those of the seal behind them.
func TestSealKeepsEveryEvent(t *testing.T) {
	r := small32(t)
	r.loadAll(smallTree(t, 5, 50<<10), LoadOptions{})
	d := r.mustDevice()
	defer d.Close()
	const more = 100_001
	own := len(d.state.events)
	for i := range more {
		b, err := (&manifest.Event{What: "note", Text: fmt.Sprint("remark ", i), Bay: -1}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		d.state.events = append(d.state.events, b)
	}
	all, err := d.sealEvents(&SealOptions{Absent: []int{3}})
	if err != nil || len(all) != own+more+1 {
		t.Fatalf("%d events instead of %d: %v", len(all), own+more+1, err)
	}
	for i, want := range map[int]string{own + more - 1: fmt.Sprint("remark ", more-1), own + more: "absent at seal"} {
		e, err := manifest.DecodeEntry(all[i])
		if err != nil || e.Event == nil || e.Event.Text != want {
			t.Errorf("event %d is %+v: %v", i, e.Event, err)
		}
	}
}

// TestEventsEncode: an event that cannot be put on record is an error, not a gap.
func TestEventsEncode(t *testing.T) {
	good := manifest.Event{What: "note", Bay: -1}
	bad := manifest.Event{What: strings.Repeat("x", manifest.MaxEntry), Bay: -1}
	if b, err := encodeEvents(time.Now(), good, bad); err == nil {
		t.Errorf("%d of 2 events, and no error", len(b))
	}
	if b, err := encodeEvents(time.Now(), good, good); err != nil || len(b) != 2 {
		t.Errorf("%d of 2 events: %v", len(b), err)
	}
}
