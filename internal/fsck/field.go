package fsck

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
	errMalformed = errors.New("malformed")
	// ErrVersion marks a structure of a version or with a critical part that
	// this verifier does not know: a newer verifier may.
	ErrVersion = errors.New("unknown version or critical part")
)

type valueKind uint8

const (
	uintValue valueKind = iota
	timeValue
	bytesValue
	flagValue
	listValue
)

// fieldSpec describes a known field. min and max bound the value's length and
// are read for bytesValue and listValue only; step, if set, must divide it.
type fieldSpec struct {
	number   uint32
	critical bool
	kind     valueKind
	min, max int
	step     int
}

type schema []fieldSpec

func (s schema) find(number uint32) *fieldSpec {
	for i := range s {
		if s[i].number == number {
			return &s[i]
		}
	}
	return nil
}

type field struct {
	number   uint32
	critical bool
	value    []byte
}

// message is a parsed field message; its values alias the input.
type message []field

func uintField(number uint32) fieldSpec {
	return fieldSpec{number: number, critical: true, kind: uintValue}
}

func bytesField(number uint32, min, max int) fieldSpec {
	return fieldSpec{number: number, critical: true, kind: bytesValue, min: min, max: max}
}

func hashesField(number uint32, max int) fieldSpec {
	return fieldSpec{number: number, critical: true, kind: bytesValue, min: 32, max: 32 * max, step: 32}
}

func listField(number uint32, max int) fieldSpec {
	return fieldSpec{number: number, critical: true, kind: listValue, min: 1, max: max}
}

func (f fieldSpec) optional() fieldSpec { f.critical = false; return f }

func timeField(number uint32) fieldSpec {
	return fieldSpec{number: number, kind: timeValue}
}

// uvarint reads one LEB128 number and refuses any encoding but the shortest.
func uvarint(b []byte) (v uint64, rest []byte, err error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, fmt.Errorf("%w: number cut short or over 64 bits", errMalformed)
	}
	if n > 1 && b[n-1] == 0 {
		return 0, nil, fmt.Errorf("%w: number longer than needed", errMalformed)
	}
	return v, b[n:], nil
}

// parseFields reads all of b. It allocates one slot a field and copies no value.
func parseFields(b []byte, known schema) (message, error) {
	var m message
	last := uint64(0)
	for len(b) > 0 {
		key, rest, err := uvarint(b)
		if err != nil {
			return nil, err
		}
		length, rest, err := uvarint(rest)
		if err != nil {
			return nil, err
		}
		number := key >> 1
		switch {
		case number == 0 || number > maxFieldNumber:
			return nil, fmt.Errorf("%w: field number %d", errMalformed, number)
		case number <= last:
			return nil, fmt.Errorf("%w: field %d after field %d", errMalformed, number, last)
		case length > uint64(len(rest)):
			return nil, fmt.Errorf("%w: field %d runs over the end", errMalformed, number)
		case length == 0:
			return nil, fmt.Errorf("%w: field %d is empty", errMalformed, number)
		}
		f := field{number: uint32(number), critical: key&1 == 1, value: rest[:length:length]}
		if err := checkField(f, known); err != nil {
			return nil, err
		}
		m = append(m, f)
		last, b = number, rest[length:]
	}
	return m, nil
}

func checkField(f field, known schema) error {
	spec := known.find(f.number)
	switch {
	case spec == nil && f.critical:
		return fmt.Errorf("%w: critical field %d", ErrVersion, f.number)
	case spec == nil:
		return nil
	case spec.critical != f.critical:
		return fmt.Errorf("%w: field %d has the wrong critical bit", errMalformed, f.number)
	}
	if err := checkValue(f.value, spec); err != nil {
		return fmt.Errorf("field %d: %w", f.number, err)
	}
	return nil
}

func checkValue(v []byte, spec *fieldSpec) error {
	switch spec.kind {
	case uintValue:
		if len(v) > 8 || v[0] == 0 {
			return fmt.Errorf("%w: not a shortest number", errMalformed)
		}
	case flagValue:
		if len(v) != 1 || v[0] != 1 {
			return fmt.Errorf("%w: not a flag", errMalformed)
		}
	case timeValue:
		if len(v) != 12 || binary.BigEndian.Uint32(v[8:]) > 999_999_999 {
			return fmt.Errorf("%w: not a time", errMalformed)
		}
	case bytesValue, listValue:
		if len(v) < spec.min || len(v) > spec.max || spec.step > 0 && len(v)%spec.step != 0 {
			return fmt.Errorf("%w: %d bytes", errMalformed, len(v))
		}
		if spec.kind == listValue {
			return eachItem(v, func([]byte) error { return nil })
		}
	}
	return nil
}

func (m message) find(number uint32) *field {
	for i := range m {
		if m[i].number == number {
			return &m[i]
		}
	}
	return nil
}

func (m message) has(number uint32) bool { return m.find(number) != nil }

func (m message) bytes(number uint32) []byte {
	if f := m.find(number); f != nil {
		return f.value
	}
	return nil
}

// uint gives zero for a field that was left out, as the format does.
func (m message) uint(number uint32) uint64 {
	var v uint64
	for _, c := range m.bytes(number) {
		v = v<<8 | uint64(c)
	}
	return v
}

func (m message) time(number uint32) (t time.Time, ok bool) {
	v := m.bytes(number)
	if len(v) != 12 {
		return time.Time{}, false
	}
	return time.Unix(int64(binary.BigEndian.Uint64(v)), int64(binary.BigEndian.Uint32(v[8:]))).UTC(), true
}

// need refuses a message that lacks one of the numbers.
func (m message) need(numbers ...uint32) error {
	for _, n := range numbers {
		if !m.has(n) {
			return fmt.Errorf("%w: field %d is missing", errMalformed, n)
		}
	}
	return nil
}

// nonzero demands fields of ids, hashes and check values, of which none is all zeros.
func (m message) nonzero(numbers ...uint32) error {
	if err := m.need(numbers...); err != nil {
		return err
	}
	for _, n := range numbers {
		if allZero(m.bytes(n)) {
			return fmt.Errorf("%w: field %d is all zeros", errMalformed, n)
		}
	}
	return nil
}

// eachItem walks a list: uvarint(length) ‖ bytes, to the last byte.
func eachItem(list []byte, fn func(item []byte) error) error {
	for len(list) > 0 {
		length, rest, err := uvarint(list)
		if err != nil {
			return err
		}
		if length > uint64(len(rest)) {
			return fmt.Errorf("%w: list item runs over the end", errMalformed)
		}
		if err := fn(rest[:length:length]); err != nil {
			return err
		}
		list = rest[length:]
	}
	return nil
}

// versionKind splits version u8 ‖ kind u8 ‖ rest, version first.
func versionKind(b []byte) (kind byte, rest []byte, err error) {
	if len(b) == 0 {
		return 0, nil, fmt.Errorf("%w: empty", errMalformed)
	}
	if b[0] != formatVersion {
		return 0, nil, fmt.Errorf("%w: version %d", ErrVersion, b[0])
	}
	if len(b) < 2 {
		return 0, nil, fmt.Errorf("%w: no kind", errMalformed)
	}
	return b[1], b[2:], nil
}
