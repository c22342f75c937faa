package record

import (
	"fmt"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// Limits of the lists of one entry (format.md 2.2).
const (
	maxParts         = 10_000
	MaxListItems     = 1 << 22
	maxListItem      = 60_000
	MaxAttributes    = 1 << 20
	MaxContinuations = 4096

	UnitSums   = 16
	Extents    = 17
	Attributes = 18
)

var listLimits = map[uint64]uint64{PartsField: maxParts, UnitSums: MaxListItems, Extents: MaxListItems, Attributes: MaxAttributes / 2}

var extentFields = wire.Schema{wire.UintField(2), wire.UintField(3), wire.UintField(4), wire.UintField(5), {Number: 8, Critical: true, Kind: wire.FlagValue}}

// checkLists holds a record's lists to what the format lets an entry have, also those of
// which the verifier uses nothing: a reader computes with them.
func (r *Record) checkLists(m wire.Message) error {
	c := r.Continuation
	if r.Kind == wire.KindContinuation {
		for _, f := range m {
			if RecordFields.Find(f.Number) != nil && f.Number > 2 && (f.Number < 24 || f.Number > 27) {
				return fmt.Errorf("%w: field %d in a continuation record", wire.ErrMalformed, f.Number)
			}
		}
		if c.Number < 1 || c.Number > MaxContinuations || listLimits[c.Field] == 0 || c.First >= listLimits[c.Field] || len(c.Items) == 0 {
			return fmt.Errorf("%w: not a whole continuation record", wire.ErrMalformed)
		}
		_, err := r.checkItems(c.Field, c.Items)
		return err
	}
	for _, number := range []uint64{PartsField, UnitSums, Extents, Attributes} {
		if err := r.checkList(number, m); err != nil {
			return err
		}
	}
	for number := uint32(24); number <= 27; number++ {
		if m.Has(number) {
			return fmt.Errorf("%w: field %d in a record that continues nothing", wire.ErrMalformed, number)
		}
	}
	return nil
}

func (r *Record) checkList(number uint64, m wire.Message) error {
	if !m.Has(uint32(number)) {
		return nil
	}
	l, err := wire.ParseFields(m.Bytes(uint32(number)), ListFormFields)
	if err != nil {
		return err
	}
	count := l.Uint(1)
	if count < 1 || count > listLimits[number] || l.Has(2) == l.Has(3) {
		return fmt.Errorf("%w: field %d of %d items, with both items and root or neither, or too many", wire.ErrMalformed, number, count)
	}
	if number == UnitSums {
		r.unitSums = count
	}
	if !l.Has(3) {
		r.follows = true
		return nil
	}
	n, err := r.checkItems(number, l.Bytes(3))
	if err == nil && n != count {
		err = fmt.Errorf("%w: field %d has %d items of %d", wire.ErrMalformed, number, n, count)
	}
	return err
}

// checkItems counts the items, and the bytes of attributes.
func (r *Record) checkItems(number uint64, list []byte) (n uint64, err error) {
	err = wire.EachItem(list, func(item []byte) error {
		n++
		if len(item) > maxListItem {
			return fmt.Errorf("%w: list item of %d bytes", wire.ErrMalformed, len(item))
		}
		switch number {
		case Extents:
			return r.checkExtent(item)
		case Attributes:
			r.AttributeBytes += uint64(len(item))
			return r.checkAttribute(item)
		}
		if want := map[uint64]int{PartsField: 32, UnitSums: 8}[number]; len(item) != want {
			return fmt.Errorf("%w: item of %d bytes in field %d", wire.ErrMalformed, len(item), number)
		}
		return nil
	})
	return n, err
}

// checkExtent holds a place to what a pack can have.
func (r *Record) checkExtent(item []byte) error {
	m, err := wire.ParseFields(item, extentFields)
	if err != nil {
		return fmt.Errorf("extent: %w", err)
	}
	const maxInt = 1<<63 - 1
	offset, length, pack, at := m.Uint(2), m.Uint(3), m.Uint(4), m.Uint(5)
	switch hole := m.Has(8); {
	case length < 1 || length > maxInt || offset > maxInt-length || pack > maxInt,
		hole && (pack != 0 || at != 0),
		!hole && (length > wire.MaxBody || at > wire.MaxBody-length):
		return fmt.Errorf("%w: extent of %d bytes at %d, in pack %d at %d", wire.ErrMalformed, length, offset, pack, at)
	}
	if r.Kind != wire.KindFile && r.Kind != wire.KindHardLink {
		return nil
	}
	return r.cover(offset, length)
}

func (r *Record) checkAttribute(item []byte) error {
	n, rest, err := wire.Uvarint(item)
	if err == nil && (n < 1 || n > 255 || n > uint64(len(rest))) {
		err = fmt.Errorf("%w: name of %d bytes", wire.ErrMalformed, n)
	}
	if err != nil {
		return fmt.Errorf("extended attribute: %w", err)
	}
	return r.follow(rest[:n])
}

// AttributeCount sums the attributes of one entry over its records.
type AttributeCount struct{ bytes uint64 }

func (c *AttributeCount) Add(r *Record) error {
	if r.Kind != wire.KindContinuation {
		c.bytes = 0
	}
	if c.bytes += r.AttributeBytes; c.bytes > MaxAttributes {
		return fmt.Errorf("%w: extended attributes of more than %d bytes", wire.ErrMalformed, MaxAttributes)
	}
	return nil
}
