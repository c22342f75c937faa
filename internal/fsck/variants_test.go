package fsck

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/record"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// variantField is a field of a message that is being told anew.
type variantField struct {
	number   int
	critical bool
	value    []byte
}

func messageOf(all []variantField) []byte {
	var e enc
	for _, f := range all {
		e.put(f.number, f.critical, f.value)
	}
	return e
}

// variantValues are those at which limits lie, and of the lengths that fields have.
func variantValues() (all [][]byte) {
	for _, v := range []uint64{1, 2, 3, 31, 32, 33, 63, 64, 65, 255, 256, 1023, 1024, 1025, 4095, 4096, 5000, 8192, 0o7777, 0o10000, 10_000, 10_001,
		1 << 20, 1<<20 + 1, 1 << 24, 1<<24 + 1, 1 << 25, 1<<32 - 1, 1 << 32, 1 << 40, 1<<40 + 1, math.MaxInt64, math.MaxInt64 + 1, math.MaxUint64} {
		all = append(all, bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, v), "\x00"))
	}
	for _, n := range []int{1, 2, 9, 12, 16, 32, 64, 65, 74, 96, 255, 1024, 1025, 1054, 4096, 4097} {
		all = append(all, bytes.Repeat([]byte{'a'}, n), make([]byte, n), bytes.Repeat([]byte{0xff}, n), bytes.Repeat([]byte{1}, n))
	}
	return all
}

// fieldVariants changes a message field by field: each left out, of another value, with
// the other critical bit, and one more.
func fieldVariants(t *testing.T, message []byte, put func(b []byte)) {
	t.Helper()
	var all []variantField
	if err := eachField(message, func(n int, critical bool, value []byte) { all = append(all, variantField{n, critical, value}) }); err != nil {
		t.Fatal(err)
	}
	for i, f := range all {
		others := func(f ...variantField) []byte {
			return messageOf(append(append(append([]variantField{}, all[:i]...), f...), all[i+1:]...))
		}
		put(others())
		put(others(variantField{f.number, !f.critical, f.value}))
		for _, v := range variantValues() {
			put(others(variantField{f.number, f.critical, v}))
		}
	}
	for number := 1; number < 40; number++ {
		at := 0
		for at < len(all) && all[at].number < number {
			at++
		}
		if at < len(all) && all[at].number == number {
			continue
		}
		for _, v := range [][]byte{{1}, {0}, {2}, make([]byte, 12), bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{'a'}, 65)} {
			for _, critical := range []bool{true, false} {
				put(messageOf(append(append(append([]variantField{}, all[:at]...), variantField{number, critical, v}), all[at:]...)))
			}
		}
	}
}

// listVariants change the lists of a record, and their first items, in the same way.
func listVariants(t *testing.T, rec []byte, put func(b []byte)) {
	t.Helper()
	var all []variantField
	if err := eachField(rec, func(n int, critical bool, value []byte) { all = append(all, variantField{n, critical, value}) }); err != nil {
		t.Fatal(err)
	}
	for i, f := range all {
		if f.number < record.PartsField || f.number > record.Attributes {
			continue
		}
		with := func(value []byte) {
			other := append([]variantField{}, all...)
			other[i].value = value
			put(messageOf(other))
		}
		fieldVariants(t, f.value, with)
		neighbours(f.value, with)
		list, err := wire.ParseFields(f.value, record.ListFormFields)
		if err != nil {
			t.Fatal(err)
		}
		var items [][]byte
		if err := wire.EachItem(list.Bytes(3), func(item []byte) error { items = append(items, item); return nil }); err != nil {
			t.Fatal(err)
		}
		again := func(items ...[]byte) {
			var l enc
			l.uint(1, uint64(len(items)))
			var text []byte
			for _, it := range items {
				text = append(binary.AppendUvarint(text, uint64(len(it))), it...)
			}
			l.put(3, false, text)
			with(l)
		}
		again(append(items[1:len(items):len(items)], items[0])...)
		again(append(items[:len(items):len(items)], items[0])...)
		again(items[1:]...)
		for j, it := range items {
			one := func(b []byte) {
				other := append([][]byte{}, items...)
				other[j] = b
				again(other...)
			}
			neighbours(it, one)
			if f.number == record.Extents {
				fieldVariants(t, it, one)
			}
		}
	}
}

// sized is a message with an unknown field at its end that makes it so long.
func sized(message []byte, size int) []byte {
	for pad := size - len(message); pad > 0; pad-- {
		e := enc(bytes.Clone(message))
		if e.put(500, false, make([]byte, pad)); len(e) == size {
			return e
		}
	}
	return message
}
