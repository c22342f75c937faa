// Package event makes and reads the entries of a custody log (docs/format.md, section 12):
// DSSE statements of an actor, of one kind each.
//
//	e := event.Event{Scope: scope, Kind: event.HandedOver, …}
//	entry, err := e.Sign(jobFile, key)
//
// A kind that this version does not know is read like any other; its details are kept as
// they are.
package event

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sledge-io/sledge/manifest"
)

// Limits of an entry.
const (
	MaxEntry       = 65_534 // tlog-tiles has 65,535 bytes; one less is ours
	MaxText        = 1024
	MaxAttachments = 64
)

// Clock says what the time of an event rests on.
type Clock struct {
	Source      string `json:"source"` // rtc, ntp, gps, person, unset
	Uncertainty uint64 `json:"uncertainty_s"`
	Boot        string `json:"boot,omitempty"` // id of the boot, so that times of one boot can be ordered
}

// Clock sources.
const (
	ClockRTC    = "rtc"
	ClockNTP    = "ntp"
	ClockGPS    = "gps"
	ClockPerson = "person"
	ClockUnset  = "unset"
)

// Actor is who signs an event.
type Actor struct {
	Name         string `json:"name"`
	Organisation string `json:"organisation"`
	Role         string `json:"role"` // device, custodian, signer, importer, acceptor, eraser, validator
	KeyID        string `json:"key_id"`
}

// Place is where it happened, as text and, if known, in degrees.
type Place struct {
	Text string   `json:"text"`
	Lat  *float64 `json:"lat,omitempty"`
	Lon  *float64 `json:"lon,omitempty"`
}

// Attachment is a file beside the log, by its digest.
type Attachment struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
	Bytes  uint64 `json:"bytes"`
	Media  string `json:"media_type"`
}

// Event is the predicate of an entry.
type Event struct {
	Version      int                        `json:"version"`
	Critical     []string                   `json:"critical"`
	Job          manifest.ID                `json:"job"`
	Device       manifest.ID                `json:"device"`
	Generation   uint32                     `json:"generation"`
	Kind         Kind                       `json:"event"`
	Seq          uint64                     `json:"seq"`           // its index in the log
	PreviousRoot []byte                     `json:"previous_root"` // root over all entries before it
	Time         time.Time                  `json:"time"`
	Clock        Clock                      `json:"clock"`
	Actor        Actor                      `json:"actor"`
	Place        *Place                     `json:"place,omitempty"`
	Purpose      string                     `json:"purpose"`
	Condition    string                     `json:"condition"`
	Note         string                     `json:"note"`
	Attachments  []Attachment               `json:"attachments"`
	Software     string                     `json:"software"`
	Details      map[string]json.RawMessage `json:"details"`
}

// Scope is whose log the event belongs to.
func (e *Event) Scope() manifest.Scope {
	return manifest.Scope{Job: e.Job, Device: e.Device, Generation: e.Generation}
}

// Set puts a detail of the kind.
func (e *Event) Set(name string, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if e.Details == nil {
		e.Details = map[string]json.RawMessage{}
	}
	e.Details[name] = b
	return nil
}

// Get reads a detail; one that is absent leaves dst as it is.
func (e *Event) Get(name string, dst any) error {
	raw, ok := e.Details[name]
	if !ok {
		return nil
	}
	if err := json.Unmarshal(raw, dst); err != nil {
		return fmt.Errorf("%w: %s: %s: %w", manifest.ErrCorrupt, e.Kind, name, err)
	}
	return nil
}

// Sign makes the entry. Its subjects are the job file, and whatever else the event proves
// by digest.
func (e *Event) Sign(jobFile []byte, key ed25519.PrivateKey, more ...manifest.Subject) ([]byte, error) {
	e.Version, e.Critical = manifest.Version, []string{}
	if e.Attachments == nil {
		e.Attachments = []Attachment{}
	}
	if e.Details == nil {
		e.Details = map[string]json.RawMessage{}
	}
	e.Time = e.Time.UTC().Truncate(time.Second)
	if err := e.Validate(); err != nil {
		return nil, err
	}
	subjects := append([]manifest.Subject{manifest.SHA256Subject("job.dsse", jobFile)}, more...)
	for _, a := range e.Attachments {
		subjects = append(subjects, manifest.Subject{Name: "attachment/" + a.Name, Digest: map[string]string{"sha256": a.SHA256}})
	}
	entry, err := manifest.SignStatement(manifest.PredicateCustody, subjects, e, key)
	if err == nil && len(entry) > MaxEntry {
		err = fmt.Errorf("event of %d bytes is over the limit of %d: shorten the note, or attach a file", len(entry), MaxEntry)
	}
	return entry, err
}

// Peek reads an entry WITHOUT verifying who signed it: the verifier does that.
func Peek(entry []byte) (*Event, error) {
	if len(entry) > MaxEntry {
		return nil, fmt.Errorf("%w: entry of %d bytes", manifest.ErrCorrupt, len(entry))
	}
	var e Event
	if _, _, err := manifest.PeekStatement(entry, manifest.PredicateCustody, &e); err != nil {
		return nil, err
	}
	return &e, nil
}

// Validate applies the format's limits to an event that is to be signed.
func (e *Event) Validate() error {
	switch {
	case e.Job.IsZero() || e.Device.IsZero() || e.Generation == 0:
		return fmt.Errorf("event without job, device or generation")
	case len(e.PreviousRoot) != 32:
		return fmt.Errorf("event without the root before it")
	case e.Time.IsZero():
		return fmt.Errorf("event without a time")
	case len(e.Attachments) > MaxAttachments:
		return fmt.Errorf("%d attachments, at most %d are allowed", len(e.Attachments), MaxAttachments)
	}
	texts := map[string]string{"event": string(e.Kind), "purpose": e.Purpose, "condition": e.Condition, "note": e.Note, "name": e.Actor.Name,
		"organisation": e.Actor.Organisation, "role": e.Actor.Role, "clock source": e.Clock.Source, "boot id": e.Clock.Boot, "software": e.Software}
	if e.Place != nil {
		texts["place"] = e.Place.Text
	}
	for _, a := range e.Attachments {
		texts["attachment "+a.Name] = a.Name + a.Media
	}
	for what, text := range texts {
		if err := checkText(what, text); err != nil {
			return err
		}
	}
	for _, need := range []struct{ what, text string }{{"event", string(e.Kind)}, {"actor's name", e.Actor.Name}, {"actor's role", e.Actor.Role}, {"actor's key id", e.Actor.KeyID}} {
		if need.text == "" {
			return fmt.Errorf("event without an %s", need.what)
		}
	}
	switch e.Clock.Source {
	case ClockRTC, ClockNTP, ClockGPS, ClockPerson, ClockUnset:
	default:
		return fmt.Errorf("clock source %q is not rtc, ntp, gps, person or unset", e.Clock.Source)
	}
	return e.checkDetails()
}

// checkText refuses what a printed page or a terminal would obey, or nobody could read.
func checkText(what, text string) error {
	if len(text) > MaxText || !utf8.ValidString(text) {
		return fmt.Errorf("%s is over %d bytes or not UTF-8", what, MaxText)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }) {
		return fmt.Errorf("%s %q holds control characters", what, text)
	}
	return nil
}
