package fsck

import "fmt"

// Limits of the lists of one entry (format.md 2.2).
const (
	maxParts         = 10_000
	maxListItems     = 1 << 22
	maxListItem      = 60_000
	maxAttributes    = 1 << 20
	maxContinuations = 4096

	unitSums   = 16
	extents    = 17
	attributes = 18
)

var listLimits = map[uint64]uint64{partsField: maxParts, unitSums: maxListItems, extents: maxListItems, attributes: maxAttributes / 2}

var extentFields = schema{uintField(2), uintField(3), uintField(4), uintField(5), {number: 8, critical: true, kind: flagValue}}

// checkLists holds a record's lists to what the format lets an entry have, also those of
// which the verifier uses nothing: a reader computes with them.
func (r *Record) checkLists(m message) error {
	c := r.continuation
	if r.Kind == KindContinuation {
		for _, f := range m {
			if recordFields.find(f.number) != nil && f.number > 2 && (f.number < 24 || f.number > 27) {
				return fmt.Errorf("%w: field %d in a continuation record", errMalformed, f.number)
			}
		}
		if c.number < 1 || c.number > maxContinuations || listLimits[c.field] == 0 || c.first >= listLimits[c.field] || len(c.items) == 0 {
			return fmt.Errorf("%w: not a whole continuation record", errMalformed)
		}
		_, err := r.checkItems(c.field, c.items)
		return err
	}
	for _, number := range []uint64{partsField, unitSums, extents, attributes} {
		if err := r.checkList(number, m); err != nil {
			return err
		}
	}
	for number := uint32(24); number <= 27; number++ {
		if m.has(number) {
			return fmt.Errorf("%w: field %d in a record that continues nothing", errMalformed, number)
		}
	}
	return nil
}

func (r *Record) checkList(number uint64, m message) error {
	if !m.has(uint32(number)) {
		return nil
	}
	l, err := parseFields(m.bytes(uint32(number)), listFormFields)
	if err != nil {
		return err
	}
	count := l.uint(1)
	if count < 1 || count > listLimits[number] || l.has(2) == l.has(3) {
		return fmt.Errorf("%w: field %d of %d items, with both items and root or neither, or too many", errMalformed, number, count)
	}
	if number == unitSums {
		r.unitSums = count
	}
	if !l.has(3) {
		r.follows = true
		return nil
	}
	n, err := r.checkItems(number, l.bytes(3))
	if err == nil && n != count {
		err = fmt.Errorf("%w: field %d has %d items of %d", errMalformed, number, n, count)
	}
	return err
}

// checkItems counts the items, and the bytes of attributes.
func (r *Record) checkItems(number uint64, list []byte) (n uint64, err error) {
	err = eachItem(list, func(item []byte) error {
		n++
		if len(item) > maxListItem {
			return fmt.Errorf("%w: list item of %d bytes", errMalformed, len(item))
		}
		switch number {
		case extents:
			return r.checkExtent(item)
		case attributes:
			r.attributeBytes += uint64(len(item))
			return r.checkAttribute(item)
		}
		if want := map[uint64]int{partsField: 32, unitSums: 8}[number]; len(item) != want {
			return fmt.Errorf("%w: item of %d bytes in field %d", errMalformed, len(item), number)
		}
		return nil
	})
	return n, err
}

// checkExtent holds a place to what a pack can have.
func (r *Record) checkExtent(item []byte) error {
	m, err := parseFields(item, extentFields)
	if err != nil {
		return fmt.Errorf("extent: %w", err)
	}
	const maxInt = 1<<63 - 1
	offset, length, pack, at := m.uint(2), m.uint(3), m.uint(4), m.uint(5)
	switch hole := m.has(8); {
	case length < 1 || length > maxInt || offset > maxInt-length || pack > maxInt,
		hole && (pack != 0 || at != 0),
		!hole && (length > maxBody || at > maxBody-length):
		return fmt.Errorf("%w: extent of %d bytes at %d, in pack %d at %d", errMalformed, length, offset, pack, at)
	}
	if r.Kind != KindFile && r.Kind != KindHardLink {
		return nil
	}
	return r.cover(offset, length)
}

func (r *Record) checkAttribute(item []byte) error {
	n, rest, err := uvarint(item)
	if err == nil && (n < 1 || n > 255 || n > uint64(len(rest))) {
		err = fmt.Errorf("%w: name of %d bytes", errMalformed, n)
	}
	if err != nil {
		return fmt.Errorf("extended attribute: %w", err)
	}
	return r.follow(rest[:n])
}

// attributeCount sums the attributes of one entry over its records.
type attributeCount struct{ bytes uint64 }

func (c *attributeCount) add(r *Record) error {
	if r.Kind != KindContinuation {
		c.bytes = 0
	}
	if c.bytes += r.attributeBytes; c.bytes > maxAttributes {
		return fmt.Errorf("%w: extended attributes of more than %d bytes", errMalformed, maxAttributes)
	}
	return nil
}
