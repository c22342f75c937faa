package fsck

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

const maxJSONDepth = 32

// object is a JSON object whose names are taken exactly as written;
// encoding/json alone would fold their case and keep the last of two.
type object map[string]json.RawMessage

// parseObject refuses names that occur twice, deep nesting and trailing bytes.
func parseObject(b []byte) (object, error) {
	if err := checkJSON(b); err != nil {
		return nil, err
	}
	var o object
	if err := json.Unmarshal(b, &o); err != nil || o == nil {
		return nil, fmt.Errorf("%w: not a JSON object", errMalformed)
	}
	return o, nil
}

// checkJSON walks all tokens once: each open object has its own set of names.
func checkJSON(b []byte) error {
	if !json.Valid(b) {
		return fmt.Errorf("%w: not JSON", errMalformed)
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
			return fmt.Errorf("%w: JSON: %v", errMalformed, err)
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			if len(names) == maxJSONDepth {
				return fmt.Errorf("%w: JSON nested too deep", errMalformed)
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
					return fmt.Errorf("%w: JSON name %q twice", errMalformed, name)
				}
				set[name] = true
				atName = false
				continue
			}
		}
		atName = len(names) > 0 && names[len(names)-1] != nil
	}
}

// has tells whether a member is there. One whose value is null counts as absent.
func (o object) has(name string) bool {
	raw, ok := o[name]
	return ok && string(raw) != "null"
}

// get decodes a member that has to be there.
func (o object) get(name string, to any) error {
	raw := o[name]
	if !o.has(name) {
		return fmt.Errorf("%w: %q is missing", errMalformed, name)
	}
	if err := json.Unmarshal(raw, to); err != nil {
		return fmt.Errorf("%w: %q: %v", errMalformed, name, err)
	}
	return nil
}

// maybe decodes a member that may be absent.
func (o object) maybe(name string, to any) error {
	if !o.has(name) {
		return nil
	}
	return o.get(name, to)
}

func (o object) object(name string) (object, error) {
	raw, ok := o[name]
	if !ok {
		return nil, fmt.Errorf("%w: %q is missing", errMalformed, name)
	}
	return parseObject(raw)
}

func (o object) objects(name string) ([]object, error) {
	var raws []json.RawMessage
	if err := o.get(name, &raws); err != nil {
		return nil, err
	}
	list := make([]object, 0, len(raws))
	for i, raw := range raws {
		item, err := parseObject(raw)
		if err != nil {
			return nil, fmt.Errorf("%q %d: %w", name, i, err)
		}
		list = append(list, item)
	}
	return list, nil
}

func (o object) text(name string) (s string, err error) { return s, o.get(name, &s) }

func (o object) id(name string) (id, error) {
	s, err := o.text(name)
	if err != nil {
		return id{}, err
	}
	return parseID(s)
}

func (o object) uint(name string) (n uint64, err error) { return n, o.get(name, &n) }

func (o object) base64(name string) ([]byte, error) {
	s, err := o.text(name)
	if err != nil {
		return nil, err
	}
	b, err := unbase64(s)
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %v", errMalformed, name, err)
	}
	return b, nil
}

func (o object) time(name string) (time.Time, error) {
	s, err := o.text(name)
	if err != nil {
		return time.Time{}, err
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return t, fmt.Errorf("%w: %q: not a time", errMalformed, name)
	}
	return t, nil
}

// version1 checks "version" before anything else, then "critical".
func (o object) version1(known []string) error {
	v, err := o.uint("version")
	if err != nil {
		return err
	}
	if v != formatVersion {
		return fmt.Errorf("%w: version %d", ErrVersion, v)
	}
	var critical []string
	if err := o.maybe("critical", &critical); err != nil {
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
