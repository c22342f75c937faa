package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// ParseRules reads a rules file. What it does not know, reads twice or cannot
// use is an error that says in which line, and nothing is guessed.
func ParseRules(text []byte) (r Rules, err error) {
	if len(text) > MaxRules {
		return r, fmt.Errorf("rules of %d bytes, at most %d", len(text), MaxRules)
	}
	if !utf8.Valid(text) {
		return r, errors.New("rules are not UTF-8")
	}
	w := &rulesWalk{text: text, in: json.NewDecoder(bytes.NewReader(text))}
	if err := w.value(reflect.TypeFor[Rules](), "the file"); err != nil {
		return r, w.place(err)
	}
	if _, err := w.in.Token(); err != io.EOF {
		return r, w.at(w.in.InputOffset(), "more follows behind the rules")
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return Rules{}, w.place(err)
	}
	if r.Version == 0 {
		return Rules{}, fmt.Errorf("version is missing, this software knows %d", rulesVersion)
	}
	if err := r.Validate(); err != nil {
		return Rules{}, err
	}
	return r.normal(), nil
}

// rulesWalk reads the file's names beside the types that they fill: the JSON
// decoder alone would take a name in any case and the last of two.
type rulesWalk struct {
	text []byte
	in   *json.Decoder
}

// value walks one value that will fill a field of type t.
func (w *rulesWalk) value(t reflect.Type, name string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	token, err := w.in.Token()
	if err != nil {
		return err
	}
	switch {
	case token == nil:
		return w.at(w.in.InputOffset(), "%s is null; leave it out instead", name)
	case t == reflect.TypeFor[time.Time]():
		if text, ok := token.(string); !ok || !isTime(text) {
			return w.at(w.in.InputOffset(), "%s is no time like 2030-01-31T00:00:00Z", name)
		}
	case token == json.Delim('{') && (t.Kind() == reflect.Struct || t.Kind() == reflect.Map):
		return w.object(t, name)
	case token == json.Delim('[') && t.Kind() == reflect.Slice:
		for i := 0; w.in.More(); i++ {
			if err := w.value(t.Elem(), fmt.Sprintf("%s[%d]", name, i)); err != nil {
				return err
			}
		}
		_, err = w.in.Token()
		return err
	case token == json.Delim('{') || token == json.Delim('['):
		return w.at(w.in.InputOffset(), "%s is no list and no object", name)
	}
	return nil
}

func isTime(text string) bool {
	_, err := time.Parse(time.RFC3339, text)
	return err == nil
}

// object walks the members of an object whose "{" has been read.
func (w *rulesWalk) object(t reflect.Type, name string) error {
	known := membersOf(t)
	seen := map[string]bool{}
	for w.in.More() {
		token, err := w.in.Token()
		if err != nil {
			return err
		}
		member, _ := token.(string)
		of, ok := known[member]
		if t.Kind() == reflect.Map {
			of, ok = t.Elem(), true
		}
		switch {
		case !ok:
			return w.at(w.in.InputOffset(), "%s has no %q; it knows %s", name, member, strings.Join(namesOf(known), ", "))
		case seen[member]:
			return w.at(w.in.InputOffset(), "%q stands twice in %s", member, name)
		}
		seen[member] = true
		if err := w.value(of, member); err != nil {
			return err
		}
	}
	_, err := w.in.Token()
	return err
}

// membersOf are the names under which a struct's fields stand in JSON.
func membersOf(t reflect.Type) map[string]reflect.Type {
	members := map[string]reflect.Type{}
	if t.Kind() != reflect.Struct {
		return members
	}
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Anonymous {
			maps.Copy(members, membersOf(field.Type))
		}
		if tag, _, _ := strings.Cut(field.Tag.Get("json"), ","); tag != "" {
			members[tag] = field.Type
		}
	}
	return members
}

func namesOf(members map[string]reflect.Type) (names []string) {
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// placedError is an error that says already where it is.
type placedError struct{ error }

// at is an error at an offset, told as line and column.
func (w *rulesWalk) at(offset int64, format string, args ...any) error {
	before := w.text[:min(max(offset, 0), int64(len(w.text)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n') - 1
	return placedError{fmt.Errorf("line %d, column %d: %s", line, column, fmt.Sprintf(format, args...))}
}

// place says where the JSON decoder's own errors are.
func (w *rulesWalk) place(err error) error {
	var placed placedError
	var syntax *json.SyntaxError
	var typed *json.UnmarshalTypeError
	switch {
	case errors.As(err, &placed):
		return err
	case errors.As(err, &syntax):
		return w.at(syntax.Offset, "%v", err)
	case errors.As(err, &typed):
		return w.at(typed.Offset, "%s cannot be a %s", typed.Field, typed.Value)
	case errors.Is(err, io.EOF):
		return w.at(int64(len(w.text)), "the file ends too early")
	}
	return fmt.Errorf("rules: %w", err)
}
