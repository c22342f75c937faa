// Package fields is the one binary encoding of sledge's public and private
// structures (docs/format.md section 1.1): numbered fields in ascending order,
// each with a critical bit, a length and a value, with exactly one encoding of
// every value.
//
//	field   = uvarint(key) uvarint(length) value[length]     key = number*2 + critical
//
// A Writer appends fields; a Reader hands them out one after another and
// refuses whatever a Writer would not have written. Both work on bounded
// byte slices that the caller has read under a cap; neither allocates by a
// length that it has not compared with what is left.
package fields

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// ErrMalformed is wrapped by every decoding error of this package.
var ErrMalformed = errors.New("malformed fields")

// ErrUnknownCritical is wrapped when a field that must be understood is not known.
var ErrUnknownCritical = errors.New("unknown critical field")

const maxNumber = 1 << 20

// Writer appends fields in ascending order. The zero value is ready to use.
type Writer struct {
	buf  []byte
	last int
}

// NewWriter returns a Writer that appends to buf.
func NewWriter(buf []byte) *Writer { return &Writer{buf: buf} }

// Bytes returns what has been written.
func (w *Writer) Bytes() []byte { return w.buf }

// raw writes a field; the methods below leave empty values out before.
func (w *Writer) raw(number int, critical bool, value []byte) {
	w.head(number, critical, len(value))
	w.buf = append(w.buf, value...)
}

// head writes all of a field but its value.
func (w *Writer) head(number int, critical bool, length int) {
	if number <= w.last || number > maxNumber {
		panic(fmt.Sprintf("fields: number %d after %d", number, w.last))
	}
	w.last = number
	key := uint64(number) * 2
	if critical {
		key++
	}
	w.buf = binary.AppendUvarint(w.buf, key)
	w.buf = binary.AppendUvarint(w.buf, uint64(length))
}

// Blob writes bytes; an empty value is left out.
func (w *Writer) Blob(number int, critical bool, value []byte) {
	if len(value) > 0 {
		w.raw(number, critical, value)
	}
}

// Text writes a string; an empty one is left out.
func (w *Writer) Text(number int, critical bool, s string) {
	if s != "" {
		w.head(number, critical, len(s))
		w.buf = append(w.buf, s...)
	}
}

// Uint writes an unsigned integer; zero is left out.
func (w *Writer) Uint(number int, critical bool, v uint64) {
	if v == 0 {
		return
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], v)
	i := 0
	for b[i] == 0 {
		i++
	}
	w.raw(number, critical, b[i:])
}

// Flag writes a true flag; false is left out.
func (w *Writer) Flag(number int, critical bool, v bool) {
	if v {
		w.Uint(number, critical, 1)
	}
}

// Time writes a time (12 bytes); the zero Time is left out.
func (w *Writer) Time(number int, critical bool, t time.Time) {
	if t.IsZero() {
		return
	}
	var b [12]byte
	binary.BigEndian.PutUint64(b[:8], uint64(t.Unix()))
	binary.BigEndian.PutUint32(b[8:], uint32(t.Nanosecond()))
	w.raw(number, critical, b[:])
}

// List writes items, each with its length; an empty list is left out.
func (w *Writer) List(number int, critical bool, items [][]byte) {
	if len(items) == 0 {
		return
	}
	size := 0
	for _, it := range items {
		size += uvarintLen(uint64(len(it))) + len(it)
	}
	w.head(number, critical, size)
	w.buf = slices.Grow(w.buf, size)
	for _, it := range items {
		w.buf = AppendItem(w.buf, it)
	}
}

// uvarintLen is the number of bytes that a number takes.
func uvarintLen(v uint64) int { return (bits.Len64(v|1) + 6) / 7 }

// AppendItem appends one list item.
func AppendItem(b, item []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(item)))
	return append(b, item...)
}

// Field is one decoded field. Value aliases the input.
type Field struct {
	Number   int
	Critical bool
	Value    []byte
}

// Reader hands out the fields of one message.
type Reader struct {
	rest []byte
	last int
}

// NewReader returns a Reader over a whole message.
func NewReader(b []byte) *Reader { return &Reader{rest: b} }

// Next returns the next field; ok is false at the end.
func (r *Reader) Next() (f Field, ok bool, err error) {
	if len(r.rest) == 0 {
		return Field{}, false, nil
	}
	key, rest, err := uvarint(r.rest)
	if err != nil {
		return Field{}, false, err
	}
	number := key >> 1
	if number == 0 || number > maxNumber || int(number) <= r.last {
		return Field{}, false, fmt.Errorf("%w: field number %d after %d", ErrMalformed, number, r.last)
	}
	length, rest, err := uvarint(rest)
	if err != nil {
		return Field{}, false, err
	}
	if length == 0 || length > uint64(len(rest)) {
		return Field{}, false, fmt.Errorf("%w: field %d: length %d of %d left", ErrMalformed, number, length, len(rest))
	}
	r.last = int(number)
	r.rest = rest[length:]
	return Field{Number: int(number), Critical: key&1 == 1, Value: rest[:length:length]}, true, nil
}

// uvarint reads a minimal LEB128 number.
func uvarint(b []byte) (uint64, []byte, error) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), b[1:], nil
	}
	return longUvarint(b)
}

func longUvarint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, fmt.Errorf("%w: bad number", ErrMalformed)
	}
	if n > 1 && b[n-1] == 0 {
		return 0, nil, fmt.Errorf("%w: number not minimal", ErrMalformed)
	}
	return v, b[n:], nil
}

// Schema says which numbers are known and which of them are critical.
type Schema map[int]bool

// Decode calls set for every known field of b, in order. Unknown fields are
// skipped unless critical.
func Decode(b []byte, schema Schema, set func(f Field) error) error {
	return decodeBy(b, schema, set)
}

// Table is a schema of numbers below 64 for messages that come by the million.
type Table struct{ known, critical uint64 }

// Table makes one.
func (s Schema) Table() (t Table) {
	for number, critical := range s {
		if number < 1 || number > 63 {
			panic(fmt.Sprintf("fields: number %d in a table", number))
		}
		t.known |= 1 << number
		if critical {
			t.critical |= 1 << number
		}
	}
	return t
}

// Decode is the function Decode with this table as its schema.
func (t Table) Decode(b []byte, set func(f Field) error) error { return decodeBy(b, t, set) }

func (s Schema) lookup(number int) (critical, known bool) {
	critical, known = s[number]
	return critical, known
}

func (t Table) lookup(number int) (critical, known bool) {
	bit := uint64(1) << min(number, 63)
	return t.critical&bit != 0, number < 64 && t.known&bit != 0
}

func decodeBy[S interface {
	lookup(number int) (critical, known bool)
}](b []byte, schema S, set func(f Field) error) error {
	r := Reader{rest: b}
	for {
		f, ok, err := r.Next()
		if err != nil {
			return err
		}
		if !ok {
			return nil
		}
		critical, known := schema.lookup(f.Number)
		switch {
		case !known && f.Critical:
			return fmt.Errorf("%w: field %d", ErrUnknownCritical, f.Number)
		case !known:
			continue
		case critical != f.Critical:
			return fmt.Errorf("%w: field %d: wrong critical bit", ErrMalformed, f.Number)
		}
		if err := set(f); err != nil {
			return fmt.Errorf("field %d: %w", f.Number, err)
		}
	}
}

// Uint decodes a non-zero unsigned integer.
func (f Field) Uint() (uint64, error) {
	if len(f.Value) > 8 || f.Value[0] == 0 {
		return 0, fmt.Errorf("%w: bad integer", ErrMalformed)
	}
	var v uint64
	for _, c := range f.Value {
		v = v<<8 | uint64(c)
	}
	return v, nil
}

// UintMax decodes an unsigned integer of at most max.
func (f Field) UintMax(max uint64) (uint64, error) {
	v, err := f.Uint()
	if err == nil && v > max {
		err = fmt.Errorf("%w: %d is over the limit %d", ErrMalformed, v, max)
	}
	return v, err
}

// Flag decodes a flag.
func (f Field) Flag() (bool, error) {
	if len(f.Value) != 1 || f.Value[0] != 1 {
		return false, fmt.Errorf("%w: bad flag", ErrMalformed)
	}
	return true, nil
}

// Time decodes a time.
func (f Field) Time() (time.Time, error) {
	if len(f.Value) != 12 {
		return time.Time{}, fmt.Errorf("%w: bad time", ErrMalformed)
	}
	ns := binary.BigEndian.Uint32(f.Value[8:])
	if ns > 999_999_999 {
		return time.Time{}, fmt.Errorf("%w: bad nanoseconds", ErrMalformed)
	}
	t := time.Unix(int64(binary.BigEndian.Uint64(f.Value)), int64(ns)).UTC()
	if t.IsZero() {
		return t, fmt.Errorf("%w: zero time", ErrMalformed)
	}
	return t, nil
}

// Blob returns a copy of the value, which must have the length n (any if n < 0).
func (f Field) Blob(n int) ([]byte, error) {
	if n >= 0 && len(f.Value) != n {
		return nil, fmt.Errorf("%w: %d bytes instead of %d", ErrMalformed, len(f.Value), n)
	}
	return append([]byte(nil), f.Value...), nil
}

// Copy fills dst, whose length must be the value's.
func (f Field) Copy(dst []byte) error {
	if len(f.Value) != len(dst) {
		return fmt.Errorf("%w: %d bytes instead of %d", ErrMalformed, len(f.Value), len(dst))
	}
	copy(dst, f.Value)
	return nil
}

// Items calls each for every item of a list; items alias the value.
func (f Field) Items(each func(item []byte) error) error {
	b := f.Value
	for len(b) > 0 {
		n, rest, err := uvarint(b)
		if err != nil {
			return err
		}
		if n > uint64(len(rest)) {
			return fmt.Errorf("%w: list item of %d bytes, %d left", ErrMalformed, n, len(rest))
		}
		if err := each(rest[:n:n]); err != nil {
			return err
		}
		b = rest[n:]
	}
	return nil
}
