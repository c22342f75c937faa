package event

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/sledge-io/sledge/manifest"
)

// Kind is what happened.
type Kind string

// The kinds of events.
const (
	Provisioned     Kind = "provisioned"
	Unlocked        Kind = "unlocked"
	Locked          Kind = "locked"
	LoadSession     Kind = "load-session"
	DiskReplaced    Kind = "disk-replaced"
	Checked         Kind = "checked"
	Sealed          Kind = "sealed"
	SealApplied     Kind = "seal-applied"
	SealRemoved     Kind = "seal-removed"
	HandedOver      Kind = "handed-over"
	InTransit       Kind = "in-transit"
	Exception       Kind = "exception"
	Arrived         Kind = "arrived"
	Opened          Kind = "opened"
	ImportRun       Kind = "import-run"
	Accepted        Kind = "accepted"
	HoldPlaced      Kind = "hold-placed"
	HoldReleased    Kind = "hold-released"
	EraseAuthorised Kind = "erase-authorised"
	EraseResult     Kind = "erase-result"
	EraseCertified  Kind = "erase-certified"
	FirmwareUpdated Kind = "firmware-updated"
	Closed          Kind = "closed"
)

// form is how a detail is written.
type form int

const (
	text form = iota
	number
	boolean
	digest // SHA-256 in hexadecimal
	root   // base64 of 32 bytes
	list   // of texts or objects
	vkey   // a cosigner's verifier key, or none
)

// detail is a further field of a kind; need says that an event without it is not signed.
type detail struct {
	name string
	form form
	need bool
}

// details are the fields of each kind that this version knows.
var details = map[Kind][]detail{
	Provisioned:     {{"device_key", text, true}, {"protection", text, true}, {"tpm_ak", text, false}, {"disks", list, false}},
	Unlocked:        {{"job_serial", number, true}, {"result", text, true}, {"failed_tries", number, false}},
	Locked:          {{"job_serial", number, true}, {"result", text, true}},
	LoadSession:     {{"entries", number, true}, {"bytes", number, true}, {"packs_from", number, false}, {"packs_to", number, false}, {"skipped", number, true}, {"findings_accepted", boolean, false}},
	DiskReplaced:    {{"bay", number, true}, {"old", text, true}, {"new", text, true}, {"cause", text, true}, {"rebuilt_from", list, false}},
	Checked:         {{"blocks_read", number, false}, {"sample", text, false}, {"confidence", text, false}, {"wrap_answer", text, false}},
	Sealed:          {{"manifest_size", number, true}, {"manifest_root", root, true}, {"manifest_sha256", digest, true}, {"seal_statement_sha256", digest, false}},
	SealApplied:     {{"seals", list, true}},
	SealRemoved:     {{"seals", list, true}, {"why", text, false}},
	HandedOver:      {{"to_name", text, true}, {"to_organisation", text, false}, {"to_vkey", vkey, true}, {"carrier", text, false}, {"waybill", text, false}, {"packages", number, false}, {"expected", text, false}},
	InTransit:       {{"sensor", text, true}, {"value", text, true}, {"alarm", boolean, true}},
	Exception:       {{"kind", text, true}, {"expected", list, false}, {"found", list, false}},
	Arrived:         {{"seals", list, true}, {"damage", text, false}, {"packages", number, false}, {"bays_here", list, false}, {"bays_missing", list, false}},
	Opened:          {{"why", text, true}, {"witness", text, true}, {"seals_cut", list, false}},
	ImportRun:       {{"run", text, true}, {"receipt_sha256", digest, true}, {"outcomes", text, false}},
	Accepted:        {{"acceptance_sha256", digest, true}},
	HoldPlaced:      {{"reference", text, true}, {"authority", text, true}},
	HoldReleased:    {{"reference", text, true}, {"authority", text, true}},
	EraseAuthorised: {{"acceptance_sha256", digest, false}, {"media", list, false}},
	EraseResult:     {{"medium", text, true}, {"result", text, true}, {"certificate_sha256", digest, false}},
	EraseCertified:  {{"certificate_sha256", digest, true}},
	FirmwareUpdated: {{"old", digest, true}, {"new", digest, true}, {"slot", text, false}, {"result", text, true}},
	Closed:          {{"events", number, true}, {"missing", list, true}},
}

// Kinds are those that this version knows, sorted.
func Kinds() (kinds []Kind) {
	for k := range details {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}

// Known tells whether this version writes such events.
func (k Kind) Known() bool { return details[k] != nil }

// Parse makes a detail from what a person typed.
func (k Kind) Parse(name, typed string) (any, error) {
	for _, d := range details[k] {
		if d.name != name {
			continue
		}
		switch d.form {
		case number:
			var n uint64
			if err := json.Unmarshal([]byte(typed), &n); err != nil {
				return nil, fmt.Errorf("%s of %s is a number, not %q", name, k, typed)
			}
			return n, nil
		case boolean:
			if typed != "true" && typed != "false" {
				return nil, fmt.Errorf("%s of %s is true or false, not %q", name, k, typed)
			}
			return typed == "true", nil
		case list:
			return []string{typed}, nil
		}
		return typed, nil
	}
	return nil, fmt.Errorf("an event %s has no field %q", k, name)
}

// checkDetails holds what is to be signed to the table.
func (e *Event) checkDetails() error {
	if !e.Kind.Known() {
		return fmt.Errorf("event %q is not one that this version writes", e.Kind)
	}
	known := map[string]bool{}
	for _, d := range details[e.Kind] {
		known[d.name] = true
		raw, ok := e.Details[d.name]
		if !ok && d.need {
			return fmt.Errorf("event %s needs %s", e.Kind, d.name)
		}
		if ok {
			if err := d.check(raw); err != nil {
				return fmt.Errorf("event %s: %s: %w", e.Kind, d.name, err)
			}
		}
	}
	for name := range e.Details {
		if !known[name] {
			return fmt.Errorf("an event %s has no field %q", e.Kind, name)
		}
	}
	return nil
}

func (d detail) check(raw json.RawMessage) error {
	var s string
	var err error
	switch d.form {
	case number:
		var n uint64
		return json.Unmarshal(raw, &n)
	case boolean:
		var b bool
		return json.Unmarshal(raw, &b)
	case list:
		var items []json.RawMessage
		if err := json.Unmarshal(raw, &items); err != nil {
			return err
		}
		return checkList(items)
	case root:
		var b []byte
		if err := json.Unmarshal(raw, &b); err != nil || len(b) != 32 {
			return fmt.Errorf("not 32 bytes in base64")
		}
		return nil
	case vkey:
		var k manifest.CosignerKey
		return json.Unmarshal(raw, &k)
	}
	if err = json.Unmarshal(raw, &s); err != nil {
		return err
	}
	if d.form == digest {
		if b, err := hex.DecodeString(s); err != nil || len(b) != 32 || hex.EncodeToString(b) != s {
			return fmt.Errorf("%q is not a SHA-256 in hexadecimal", s)
		}
	}
	return checkText("it", s)
}

const maxList = 256

// checkList takes numbers, texts, and objects of texts, numbers and booleans.
func checkList(items []json.RawMessage) error {
	if len(items) > maxList {
		return fmt.Errorf("%d items, at most %d are allowed", len(items), maxList)
	}
	for _, raw := range items {
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		fields, isObject := v.(map[string]any)
		if !isObject {
			fields = map[string]any{"item": v}
		}
		for name, value := range fields {
			switch s := value.(type) {
			case string:
				if err := checkText(name, s); err != nil {
					return err
				}
			case float64, bool, nil:
			default:
				return fmt.Errorf("%s is neither text nor number", name)
			}
		}
	}
	return nil
}
