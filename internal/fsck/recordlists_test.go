package fsck

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/record"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// extentRecord is a record with one extent in pack 0.
func extentRecord(length, at uint64) []byte {
	var extent enc
	extent.uint(3, length)
	extent.uint(5, at)
	return sizedRecord(length, record.Extents, 1, extent)
}

// listRecord is a record with a list of these items, of which it says the number.
func listRecord(field int, count uint64, items ...[]byte) []byte {
	return sizedRecord(0, field, count, items...)
}

// sizedRecord is the same of a file of a size.
func sizedRecord(size uint64, field int, count uint64, items ...[]byte) []byte {
	var list, l, e enc
	for _, it := range items {
		list = append(binary.AppendUvarint(list, uint64(len(it))), it...)
	}
	l.uint(1, count)
	l.put(3, false, list)
	e.uint(1, KindFile)
	e.bytes(2, []byte("f"))
	e.uint(3, size)
	e.put(record.WholeDigest, false, make([]byte, 32))
	e.put(field, field == record.Extents, l)
	return e
}

// TestListsAreBounded: a record is refused whose lists no reader may take.
func TestListsAreBounded(t *testing.T) {
	attribute := append([]byte{1, 'a'}, make([]byte, 100)...)
	for name, c := range map[string]struct {
		raw []byte
		ok  bool
	}{
		"an extent":                        {extentRecord(7, wire.MaxBody-7), true},
		"beyond any pack":                  {extentRecord(7, wire.MaxBody-6), false},
		"at the end of all numbers":        {extentRecord(7, math.MaxInt64-3), false},
		"longer than a pack":               {extentRecord(wire.MaxBody+1, 0), false},
		"longer than all numbers":          {extentRecord(math.MaxUint64, 1), false},
		"without a length":                 {extentRecord(0, 1), false},
		"an attribute":                     {listRecord(record.Attributes, 1, attribute), true},
		"an attribute without a name":      {listRecord(record.Attributes, 1, []byte{0, 'a'}), false},
		"an attribute with a cut off name": {listRecord(record.Attributes, 1, []byte{9, 'a'}), false},
		"an attribute too many":            {listRecord(record.Attributes, 1, attribute, attribute), false},
		"a CRC of 7 bytes":                 {listRecord(record.UnitSums, 1, make([]byte, 7)), false},
		"an item of 60,001 bytes":          {listRecord(record.Attributes, 1, append([]byte{1, 'a'}, make([]byte, 59_999)...)), false},
	} {
		if _, err := ParseRecord(c.raw); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	var count record.AttributeCount
	for i := range record.MaxAttributes/60_000 + 1 {
		kind := uint64(KindContinuation)
		if i == 0 {
			kind = KindFile
		}
		if err := count.Add(&Record{Kind: kind, AttributeBytes: 60_000}); (err == nil) != (i < record.MaxAttributes/60_000) {
			t.Errorf("record %d: %v", i, err)
		}
	}
}

// TestContinuationIsWhole: a continuation record has what it needs and nothing else.
func TestContinuationIsWhole(t *testing.T) {
	item := append([]byte{8}, make([]byte, 8)...)
	make := func(number, field, first uint64, items []byte, size uint64) []byte {
		var e enc
		e.uint(1, KindContinuation)
		e.bytes(2, []byte("f"))
		e.uint(3, size)
		e.uint(24, number)
		e.uint(25, field)
		e.uint(26, first)
		e.bytes(27, items)
		return e
	}
	for name, c := range map[string]struct {
		raw []byte
		ok  bool
	}{
		"whole":            {make(1, record.UnitSums, 5, item, 0), true},
		"no number":        {make(0, record.UnitSums, 5, item, 0), false},
		"too many":         {make(record.MaxContinuations+1, record.UnitSums, 5, item, 0), false},
		"of no list":       {make(1, 14, 5, item, 0), false},
		"beyond its list":  {make(1, record.UnitSums, record.MaxListItems, item, 0), false},
		"no items":         {make(1, record.UnitSums, 5, nil, 0), false},
		"with a size":      {make(1, record.UnitSums, 5, item, 9), false},
		"of another field": {make(1, record.PartsField, 5, item, 0), false},
	} {
		if _, err := ParseRecord(c.raw); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
