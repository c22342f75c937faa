package manifest

import (
	"cmp"
	"encoding"
	"encoding/json"
	"reflect"
	"strings"
	"unicode"
)

// DecodeJSON decodes one JSON value whose names are exact, byte for byte. An object that
// gives a name twice is refused. A name that is written otherwise, as in another case, is
// unknown and skipped: encoding/json alone would take it for the one that it resembles.
func DecodeJSON(text []byte, dst any) error { return NamesOf(dst).Decode(text, dst) }

// Names are the names that a type is decoded from. They do not change: for a type that is
// decoded often they are made once.
type Names struct {
	of     reflect.Type
	exact  map[string]bool   // of all levels
	folded map[string]string // as the decoder compares them
	mixed  bool              // two of them resemble one another
}

// NamesOf are those of dst's type, or of what it points to.
func NamesOf(dst any) *Names {
	n := &Names{of: reflect.TypeOf(dst), exact: map[string]bool{}, folded: map[string]string{}}
	n.add(n.of, map[reflect.Type]bool{})
	return n
}

func (n *Names) add(t reflect.Type, seen map[reflect.Type]bool) {
	switch {
	case decodesItself(t):
	case t.Kind() == reflect.Pointer, t.Kind() == reflect.Slice, t.Kind() == reflect.Array, t.Kind() == reflect.Map:
		n.add(t.Elem(), seen)
	case t.Kind() == reflect.Struct && !seen[t]:
		seen[t] = true
		for _, f := range reflect.VisibleFields(t) {
			name := jsonName(f)
			first, ok := n.folded[folded(name)]
			n.mixed = n.mixed || ok && first != name
			n.exact[name], n.folded[folded(name)] = true, name
			n.add(f.Type, seen)
		}
	}
}

// Decode is DecodeJSON into the names' type. It looks at the names first, so that nothing is
// decoded from a text that gives one twice; whether the text is valid the decoder looks.
func (n *Names) Decode(text []byte, dst any) error {
	resembles := n.mixed
	err := eachName(text, func(name []byte) {
		if !n.exact[string(name)] && !resembles {
			_, resembles = n.folded[folded(string(name))]
		}
	})
	if err != nil {
		return err
	}
	if resembles {
		if text, err = exactOnly(text, n.of); err != nil {
			return err
		}
	}
	return json.Unmarshal(text, dst)
}

// exactOnly leaves out what the decoder would take for a field of t that is written
// otherwise. Values that decode themselves stay as they are.
func exactOnly(text []byte, t reflect.Type) ([]byte, error) {
	if decodesItself(t) {
		return text, nil
	}
	switch t.Kind() {
	case reflect.Pointer:
		return exactOnly(text, t.Elem())
	case reflect.Struct:
		fields := map[string]reflect.Type{}
		for _, f := range reflect.VisibleFields(t) {
			fields[jsonName(f)] = f.Type
		}
		return exactMembers(text, func(name string) (reflect.Type, bool) { t, ok := fields[name]; return t, ok })
	case reflect.Map:
		return exactMembers(text, func(string) (reflect.Type, bool) { return t.Elem(), true })
	case reflect.Slice, reflect.Array:
		return exactItems(text, t.Elem())
	}
	return text, nil
}

func exactMembers(text []byte, field func(name string) (reflect.Type, bool)) ([]byte, error) {
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil || members == nil {
		return text, nil // of another kind: whoever decodes it says so
	}
	for name, raw := range members {
		t, ok := field(name)
		if !ok {
			delete(members, name)
			continue
		}
		exact, err := exactOnly(raw, t)
		if err != nil {
			return nil, err
		}
		members[name] = exact
	}
	return json.Marshal(members)
}

func exactItems(text []byte, t reflect.Type) ([]byte, error) {
	var items []json.RawMessage
	if json.Unmarshal(text, &items) != nil || items == nil {
		return text, nil
	}
	for i, raw := range items {
		exact, err := exactOnly(raw, t)
		if err != nil {
			return nil, err
		}
		items[i] = exact
	}
	return json.Marshal(items)
}

// jsonName is the name that a field is decoded from.
func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return cmp.Or(name, f.Name)
}

// decodesItself reports whether a type takes its JSON as it is.
func decodesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// folded is a name as encoding/json compares it: each character the least of those that
// differ in case alone, also beyond ASCII (the Kelvin sign is a k).
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		for {
			next := unicode.SimpleFold(r)
			if next <= r {
				return next
			}
			r = next
		}
	}, name)
}
