package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// A field message (format.md 1.1) is a row of
//
//	uvarint(number × 2 + critical) uvarint(length) value[length]
//
// ascending by number, with exactly one encoding of every value.

const maxFieldNumber = 1 << 20

var (
	ErrMalformed = errors.New("malformed")
	// ErrVersion marks a structure of a version or with a critical part that
	// this verifier does not know: a newer verifier may.
	ErrVersion = errors.New("unknown version or critical part")
)

type valueKind uint8

const (
	uintValue valueKind = iota
	timeValue
	bytesValue
	FlagValue
	listValue
)

// fieldSpec describes a known field. min and max bound the value's length and
// are read for bytesValue and listValue only; step, if set, must divide it.
type fieldSpec struct {
	Number   uint32
	Critical bool
	Kind     valueKind
	min, max int
	step     int
}

// Schema is the fields of one message that are known. A field that is not in it is refused
// with [ErrVersion] if it is critical.
type Schema []fieldSpec

// Find gives nil for a field that is not known.
func (s Schema) Find(number uint32) *fieldSpec {
	for i := range s {
		if s[i].Number == number {
			return &s[i]
		}
	}
	return nil
}

type field struct {
	Number   uint32
	Critical bool
	Value    []byte
}

// Message is a parsed field message; its values alias the input.
type Message []field

func UintField(number uint32) fieldSpec {
	return fieldSpec{Number: number, Critical: true, Kind: uintValue}
}

// BytesField takes min to max bytes.
func BytesField(number uint32, min, max int) fieldSpec {
	return fieldSpec{Number: number, Critical: true, Kind: bytesValue, min: min, max: max}
}

// HashesField takes one to max hashes of 32 bytes each.
func HashesField(number uint32, max int) fieldSpec {
	return fieldSpec{Number: number, Critical: true, Kind: bytesValue, min: 32, max: 32 * max, step: 32}
}

// ListField takes one to max items.
func ListField(number uint32, max int) fieldSpec {
	return fieldSpec{Number: number, Critical: true, Kind: listValue, min: 1, max: max}
}

func (f fieldSpec) Optional() fieldSpec { f.Critical = false; return f }

func TimeField(number uint32) fieldSpec {
	return fieldSpec{Number: number, Kind: timeValue}
}

// Uvarint reads one LEB128 number and refuses any encoding but the shortest.
func Uvarint(b []byte) (v uint64, rest []byte, err error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, fmt.Errorf("%w: number cut short or over 64 bits", ErrMalformed)
	}
	if n > 1 && b[n-1] == 0 {
		return 0, nil, fmt.Errorf("%w: number longer than needed", ErrMalformed)
	}
	return v, b[n:], nil
}

// ParseFields reads all of b. It allocates one slot a field and copies no value.
func ParseFields(b []byte, known Schema) (Message, error) {
	var m Message
	last := uint64(0)
	for len(b) > 0 {
		key, rest, err := Uvarint(b)
		if err != nil {
			return nil, err
		}
		length, rest, err := Uvarint(rest)
		if err != nil {
			return nil, err
		}
		number := key >> 1
		switch {
		case number == 0 || number > maxFieldNumber:
			return nil, fmt.Errorf("%w: field number %d", ErrMalformed, number)
		case number <= last:
			return nil, fmt.Errorf("%w: field %d after field %d", ErrMalformed, number, last)
		case length > uint64(len(rest)):
			return nil, fmt.Errorf("%w: field %d runs over the end", ErrMalformed, number)
		case length == 0:
			return nil, fmt.Errorf("%w: field %d is empty", ErrMalformed, number)
		}
		f := field{Number: uint32(number), Critical: key&1 == 1, Value: rest[:length:length]}
		if err := checkField(f, known); err != nil {
			return nil, err
		}
		m = append(m, f)
		last, b = number, rest[length:]
	}
	return m, nil
}

func checkField(f field, known Schema) error {
	spec := known.Find(f.Number)
	switch {
	case spec == nil && f.Critical:
		return fmt.Errorf("%w: critical field %d", ErrVersion, f.Number)
	case spec == nil:
		return nil
	case spec.Critical != f.Critical:
		return fmt.Errorf("%w: field %d has the wrong critical bit", ErrMalformed, f.Number)
	}
	if err := checkValue(f.Value, spec); err != nil {
		return fmt.Errorf("field %d: %w", f.Number, err)
	}
	return nil
}

func checkValue(v []byte, spec *fieldSpec) error {
	switch spec.Kind {
	case uintValue:
		if len(v) > 8 || v[0] == 0 {
			return fmt.Errorf("%w: not a shortest number", ErrMalformed)
		}
	case FlagValue:
		if len(v) != 1 || v[0] != 1 {
			return fmt.Errorf("%w: not a flag", ErrMalformed)
		}
	case timeValue:
		if len(v) != 12 || binary.BigEndian.Uint32(v[8:]) > 999_999_999 {
			return fmt.Errorf("%w: not a time", ErrMalformed)
		}
	case bytesValue, listValue:
		if len(v) < spec.min || len(v) > spec.max || spec.step > 0 && len(v)%spec.step != 0 {
			return fmt.Errorf("%w: %d bytes", ErrMalformed, len(v))
		}
		if spec.Kind == listValue {
			return EachItem(v, func([]byte) error { return nil })
		}
	}
	return nil
}

func (m Message) find(number uint32) *field {
	for i := range m {
		if m[i].Number == number {
			return &m[i]
		}
	}
	return nil
}

func (m Message) Has(number uint32) bool { return m.find(number) != nil }

// Bytes gives nil for a field that was left out.
func (m Message) Bytes(number uint32) []byte {
	if f := m.find(number); f != nil {
		return f.Value
	}
	return nil
}

// Uint gives zero for a field that was left out, as the format does.
func (m Message) Uint(number uint32) uint64 {
	var v uint64
	for _, c := range m.Bytes(number) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (m Message) Time(number uint32) (t time.Time, ok bool) {
	v := m.Bytes(number)
	if len(v) != 12 {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint64(v)), int64(binary.BigEndian.Uint32(v[8:]))).UTC(), true
}

// Need refuses a message that lacks one of the numbers.
func (m Message) Need(numbers ...uint32) error {
	for _, n := range numbers {
		if !m.Has(n) {
			return fmt.Errorf("%w: field %d is missing", ErrMalformed, n)
		}
	}
	return nil
}

// nonzero demands fields of ids, hashes and check values, of which none is all zeros.
func (m Message) nonzero(numbers ...uint32) error {
	if err := m.Need(numbers...); err != nil {
		return err
	}
	for _, n := range numbers {
		if AllZero(m.Bytes(n)) {
			return fmt.Errorf("%w: field %d is all zeros", ErrMalformed, n)
		}
	}
	return nil
}

// EachItem walks a list: uvarint(length) ‖ bytes, to the last byte.
func EachItem(list []byte, fn func(item []byte) error) error {
	for len(list) > 0 {
		length, rest, err := Uvarint(list)
		if err != nil {
			return err
		}
		if length > uint64(len(rest)) {
			return fmt.Errorf("%w: list item runs over the end", ErrMalformed)
		}
		if err := fn(rest[:length:length]); err != nil {
			return err
		}
		list = rest[length:]
	}
	return nil
}

// VersionKind splits version u8 ‖ kind u8 ‖ rest, version first.
func VersionKind(b []byte) (kind byte, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, fmt.Errorf("%w: empty", ErrMalformed)
	}
	if b[0] != FormatVersion {
		return 0, nil, fmt.Errorf("%w: version %d", ErrVersion, b[0])
	}
	if len(b) < 2 {
		return 0, nil, fmt.Errorf("%w: no kind", ErrMalformed)
	}
	return b[1], b[2:], nil
}
