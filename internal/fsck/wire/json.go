package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

const maxJSONDepth = 32

// Object is a JSON object whose names are taken exactly as written;
// encoding/json alone would fold their case and keep the last of two.
type Object map[string]json.RawMessage

// ParseObject refuses names that occur twice, deep nesting and trailing bytes.
func ParseObject(b []byte) (Object, error) {
	if err := checkJSON(b); err != nil {
		return nil, err
	}
	var o Object
	if err := json.Unmarshal(b, &o); err != nil || o == nil {
		return nil, fmt.Errorf("%w: not a JSON object", ErrMalformed)
	}
	return o, nil
}

// checkJSON walks all tokens once: each open object has its own set of names.
func checkJSON(b []byte) error {
	if !json.Valid(b) {
		return fmt.Errorf("%w: not JSON", ErrMalformed)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var names []map[string]bool // nil for an array
	atName := false
	for {
		t, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: JSON: %v", ErrMalformed, err)
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if len(names) == maxJSONDepth {
				return fmt.Errorf("%w: JSON nested too deep", ErrMalformed)
			}
			var set map[string]bool
			if t == json.Delim('{') {
				set = map[string]bool{}
			}
			names = append(names, set)
			atName = set != nil
			continue
		case json.Delim('}'), json.Delim(']'):
			names = names[:len(names)-1]
		default:
			if atName {
				set, name := names[len(names)-1], t.(string)
				if set[name] {
					return fmt.Errorf("%w: JSON name %q twice", ErrMalformed, name)
				}
				set[name] = true
				atName = false
				continue
			}
		}
		atName = len(names) > 0 && names[len(names)-1] != nil
	}
}

// Has tells whether a member is there. One whose value is null counts as absent.
func (o Object) Has(name string) bool {
	raw, ok := o[name]
	return ok && string(raw) != "null"
}

// Get decodes a member that has to be there.
func (o Object) Get(name string, to any) error {
	raw := o[name]
	if !o.Has(name) {
		return fmt.Errorf("%w: %q is missing", ErrMalformed, name)
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("%w: %q: %v", ErrMalformed, name, err)
	}
	return nil
}

// Maybe decodes a member that may be absent.
func (o Object) Maybe(name string, to any) error {
	if !o.Has(name) {
		return nil
	}
	return o.Get(name, to)
}

func (o Object) Object(name string) (Object, error) {
	raw, ok := o[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q is missing", ErrMalformed, name)
	}
	return ParseObject(raw)
}

// Objects gives [ErrMalformed] where the member is missing: no list is not an empty list.
func (o Object) Objects(name string) ([]Object, error) {
	var raws []json.RawMessage
	if err := o.Get(name, &raws); err != nil {
		return nil, err
	}
	list := make([]Object, 0, len(raws))
	for i, raw := range raws {
		item, err := ParseObject(raw)
		if err != nil {
			return nil, fmt.Errorf("%q %d: %w", name, i, err)
		}
		list = append(list, item)
	}
	return list, nil
}

func (o Object) Text(name string) (s string, err error) { return s, o.Get(name, &s) }

func (o Object) ID(name string) (ID, error) {
	s, err := o.Text(name)
	if err != nil {
		return ID{}, err
	}
	return ParseID(s)
}

func (o Object) Uint(name string) (n uint64, err error) { return n, o.Get(name, &n) }

// Base64 takes the canonical form alone.
func (o Object) Base64(name string) ([]byte, error) {
	s, err := o.Text(name)
	if err != nil {
		return nil, err
	}
	b, err := Unbase64(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %v", ErrMalformed, name, err)
	}
	return b, nil
}

func (o Object) Time(name string) (time.Time, error) {
	s, err := o.Text(name)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, fmt.Errorf("%w: %q: not a time", ErrMalformed, name)
	}
	return t, nil
}

// Version1 checks "version" before anything else, then "critical".
func (o Object) Version1(known []string) error {
	v, err := o.Uint("version")
	if err != nil {
		return err
	}
	if v != FormatVersion {
		return fmt.Errorf("%w: version %d", ErrVersion, v)
	}
	var critical []string
	if err := o.Maybe("critical", &critical); err != nil {
		return err
	}
	for _, name := range critical {
		if !contains(known, name) {
			return fmt.Errorf("%w: critical name %q", ErrVersion, name)
		}
	}
	return nil
}

func contains(list []string, s string) bool {
	for _, item := range list {
		if item == s {
			return true
		}
	}
	return false
}
