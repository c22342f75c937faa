package seal

import (
	"fmt"
	"testing"
	"time"

	"github.com/sledge-io/sledge/manifest"
)

// journalled is a device whose journal has events alone.
type journalled struct {
	Device
	events [][]byte
}

func (j journalled) Committed() Committed { return Committed{Events: j.events} }

// TestSealKeepsEveryEvent: the signed log has every event of the journal, however many
// they are, and those of the seal behind them.
func TestSealKeepsEveryEvent(t *testing.T) {
	const more = 100_001
	var events [][]byte
	for i := range more {
		b, err := (&manifest.Event{What: "note", Text: fmt.Sprint("remark ", i), Bay: -1}).Encode()
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, b)
	}
	d := &sealing{cfg: Config{Now: time.Now}, open: &Opened{Device: journalled{events: events}}}
	all, err := d.sealEvents(&Options{Absent: []int{3}})
	if err != nil || len(all) != more+1 {
		t.Fatalf("%d events instead of %d: %v", len(all), more+1, err)
	}
	for i, want := range map[int]string{more - 1: fmt.Sprint("remark ", more-1), more: "absent at seal"} {
		e, err := manifest.DecodeEntry(all[i])
		if err != nil || e.Event == nil || e.Event.Text != want {
			t.Errorf("event %d is %+v: %v", i, e.Event, err)
		}
	}
}
