package event_test

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/custody/custodytest"
	"github.com/sledge-io/sledge/internal/custody/event"
	"github.com/sledge-io/sledge/manifest"
)

// TestRefusals: what may not be signed.
func TestRefusals(t *testing.T) {
	r := custodytest.New(t)
	for what, change := range map[string]func(e *event.Event){
		"a control character in a note":   func(e *event.Event) { e.Note = "x\x1b[2J" },
		"a hidden direction in a name":    func(e *event.Event) { e.Actor.Name = "bob\u202e" },
		"a line end in a place":           func(e *event.Event) { e.Place = &event.Place{Text: "a\nb"} },
		"a long purpose":                  func(e *event.Event) { e.Purpose = strings.Repeat("x", 1025) },
		"not UTF-8":                       func(e *event.Event) { e.Condition = "\xff" },
		"a kind that nobody knows":        func(e *event.Event) { e.Kind = "weather" },
		"a clock of no kind":              func(e *event.Event) { e.Clock.Source = "sun" },
		"no actor":                        func(e *event.Event) { e.Actor.Name = "" },
		"no root before":                  func(e *event.Event) { e.PreviousRoot = nil },
		"a detail of another kind":        func(e *event.Event) { e.Set("waybill", "x") },
		"a detail that is needed":         func(e *event.Event) { e.Kind = event.Sealed },
		"a seal with a control character": func(e *event.Event) { e.Kind = event.SealApplied; e.Set("seals", []event.Seal{{Number: "1\x00"}}) },
		"seals that are no list":          func(e *event.Event) { e.Kind = event.SealApplied; e.Set("seals", "ML-1") },
		"lists in lists":                  func(e *event.Event) { e.Kind = event.SealApplied; e.Set("seals", [][]string{{"x"}}) },
		"too many seals":                  func(e *event.Event) { e.Kind = event.SealApplied; e.Set("seals", make([]string, 257)) },
		"65 attachments":                  func(e *event.Event) { e.Attachments = make([]event.Attachment, 65) },
		"an entry of more than 65,534": func(e *event.Event) {
			e.Kind = event.SealApplied
			e.Set("seals", slices.Repeat([]string{strings.Repeat("x", 1000)}, 60))
		},
		"a digest that is none":          func(e *event.Event) { e.Kind = event.Accepted; e.Set("acceptance_sha256", strings.Repeat("A", 64)) },
		"a next custodian who is no key": func(e *event.Event) { e.Kind = event.HandedOver; e.Set("to_name", "x"); e.Set("to_vkey", "x+00+AA") },
		"a number that is text":          func(e *event.Event) { e.Kind = event.Unlocked; e.Set("result", "x"); e.Set("job_serial", "1") },
		"a truth that is text": func(e *event.Event) {
			e.Kind = event.InTransit
			e.Set("sensor", "x")
			e.Set("value", "x")
			e.Set("alarm", "yes")
		},
	} {
		e := r.Event(event.Checked, "device", nil)
		e.Actor.KeyID = "x"
		change(e)
		if _, err := e.Sign(r.JobFile, r.Device); err == nil {
			t.Errorf("%s: signed", what)
		}
	}
}

// TestKept: an entry comes back as it was signed, and is about its job file and attachments.
func TestKept(t *testing.T) {
	r := custodytest.New(t)
	e := r.Event(event.SealApplied, "device", map[string]any{"seals": []event.Seal{{Number: "ML-1", Class: "H"}}})
	e.Attachments = []event.Attachment{{Name: "photo.jpg", SHA256: strings.Repeat("ab", 32), Bytes: 5 << 30, Media: "image/jpeg"}}
	entry := r.Sign(e, r.Device)
	got, err := event.Peek(entry)
	if err != nil || got.Kind != event.SealApplied || got.Attachments[0] != e.Attachments[0] || got.Scope() != r.Scope {
		t.Fatalf("%v: %+v", err, got)
	}
	var again event.Event
	st, _, err := manifest.OpenStatement(entry, manifest.PredicateCustody, &again, r.Device.Public().(ed25519.PublicKey))
	if err != nil || len(st.Subject) != 2 || st.Subject[0].Name != "job.dsse" || st.Subject[1].Digest["sha256"] != e.Attachments[0].SHA256 {
		t.Errorf("%v: %+v", err, st)
	}
}

// TestSealsOn: the seals that should be on the packages follow from the log.
func TestSealsOn(t *testing.T) {
	r := custodytest.New(t)
	seals := func(kind event.Kind, numbers ...string) *event.Event {
		var list []event.Seal
		for _, n := range numbers {
			list = append(list, event.Seal{Number: n})
		}
		return r.Event(kind, "device", map[string]any{"seals": list})
	}
	opened := r.Event(event.Opened, "custodian", map[string]any{"seals_cut": []string{"C"}})
	got, err := event.SealsOn([]*event.Event{seals(event.SealApplied, "B", "A", "C"), seals(event.SealRemoved, "B"), seals(event.Arrived, "A", "X"), opened, seals(event.SealApplied, "D")})
	if err != nil || !slices.Equal(got, []string{"A", "D"}) {
		t.Errorf("%v: %v", err, got)
	}
	for _, bad := range []string{"", strings.Repeat("1", 65), "1\n2", "1\u200b"} {
		if event.CheckNumber(bad) == nil {
			t.Errorf("%q is a seal's number", bad)
		}
	}
}

// TestParse: what a person types becomes a detail of its kind's form.
func TestParse(t *testing.T) {
	for _, c := range []struct {
		kind        event.Kind
		name, typed string
		good        bool
	}{
		{event.HandedOver, "packages", "3", true}, {event.HandedOver, "packages", "three", false}, {event.HandedOver, "packages", "-1", false},
		{event.InTransit, "alarm", "true", true}, {event.InTransit, "alarm", "yes", false}, {event.HandedOver, "waybill", "W 1", true}, {event.HandedOver, "sensor", "x", false},
		{event.Opened, "seals_cut", "A", true}, {"weather", "wind", "3", false},
	} {
		if _, err := c.kind.Parse(c.name, c.typed); (err == nil) != c.good {
			t.Errorf("%s %s %s: %v", c.kind, c.name, c.typed, err)
		}
	}
	if len(event.Kinds()) != 23 {
		t.Errorf("%d kinds", len(event.Kinds()))
	}
}
