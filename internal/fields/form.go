package fields

import (
	"slices"
	"time"
)

// A Form has the fields of one structure in the order of their numbers, each said once
// for writing and for reading:
//
//	func (e *entry) form() fields.Form {
//		return fields.Form{fields.Uint(1, true, &e.kind, 255), fields.Array(2, true, e.sum[:])}
//	}
//
//	e.form().Write(w)
//	err := e.form().Read(b)
type Form []Line

// Line is one field of a Form, bound to where its value is.
type Line struct {
	number   int
	critical bool
	write    func(w *Writer)
	read     func(f Field) error
}

// Write appends all fields but those whose values are empty.
func (f Form) Write(w *Writer) {
	for _, l := range f {
		l.write(w)
	}
}

// Read fills in what b has of the fields. What it has not stays as it is.
func (f Form) Read(b []byte) error {
	return decodeBy(b, f, func(got Field) error { return f[f.index(got.Number)].read(got) })
}

// Without is the form of a structure that must not have some of the fields.
func (f Form) Without(numbers ...int) Form {
	return slices.DeleteFunc(f, func(l Line) bool { return slices.Contains(numbers, l.number) })
}

func (f Form) index(number int) int {
	return slices.IndexFunc(f, func(l Line) bool { return l.number == number })
}

func (f Form) lookup(number int) (critical, known bool) {
	i := f.index(number)
	return i >= 0 && f[i].critical, i >= 0
}

// Custom is a field with an encoding of its own. write must append nothing else.
func Custom(number int, critical bool, write func(w *Writer), read func(f Field) error) Line {
	return Line{number, critical, write, read}
}

// Uint is an unsigned integer up to most.
func Uint[T ~int | ~int64 | ~uint8 | ~uint32 | ~uint64](number int, critical bool, v *T, most uint64) Line {
	return Line{number, critical, func(w *Writer) { w.Uint(number, critical, uint64(*v)) }, func(f Field) error {
		n, err := f.UintMax(most)
		*v = T(n)
		return err
	}}
}

// Flag is true or false.
func Flag(number int, critical bool, v *bool) Line {
	return Line{number, critical, func(w *Writer) { w.Flag(number, critical, *v) }, func(f Field) (err error) {
		*v, err = f.Flag()
		return err
	}}
}

// Text is a string.
func Text(number int, critical bool, s *string) Line {
	return Line{number, critical, func(w *Writer) { w.Text(number, critical, *s) }, func(f Field) error {
		*s = string(f.Value)
		return nil
	}}
}

// Time is a time.
func Time(number int, critical bool, t *time.Time) Line {
	return Line{number, critical, func(w *Writer) { w.Time(number, critical, *t) }, func(f Field) (err error) {
		*t, err = f.Time()
		return err
	}}
}

// Blob is bytes: length of them, or any number if length is negative.
func Blob(number int, critical bool, v *[]byte, length int) Line {
	return Line{number, critical, func(w *Writer) { w.Blob(number, critical, *v) }, func(f Field) (err error) {
		*v, err = f.Blob(length)
		return err
	}}
}

// Array is as many bytes as v has; it is written even if all are zero.
func Array(number int, critical bool, v []byte) Line {
	return Line{number, critical, func(w *Writer) { w.Blob(number, critical, v) }, func(f Field) error { return f.Copy(v) }}
}
