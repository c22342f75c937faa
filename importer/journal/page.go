package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/klauspost/compress/s2"
)

// Kind is what a value is about. Values of one kind are ordered by their number.
type Kind byte

// Sums is the kind of the manifest's pages, each a value; of all others a page of the manifest has
// up to 1,024.
const Sums Kind = 'p'

// Key names a value.
type Key struct {
	Kind   Kind
	Number uint64
}

func (k Key) String() string { return fmt.Sprintf("%c %d", k.Kind, k.Number) }

// pageKey names a page: the values of a kind whose numbers differ in their last bits only.
type pageKey struct {
	kind Kind
	page uint64
}

// bits are how many. A page of outcomes is one of the manifest.
func (k Kind) bits() uint {
	if k == Sums {
		return 6
	}
	return 10
}

func (k Key) page() pageKey { return pageKey{k.Kind, k.Number >> k.Kind.bits()} }

// index is a key's place in its page.
func (k Key) index() uint16 { return uint16(k.Number & (1<<k.Kind.bits() - 1)) }

// first is the lowest number of a page.
func (p pageKey) first() uint64 { return p.page << p.kind.bits() }

// row is a value in its page.
type row struct {
	index uint16
	value []byte
}

// changes are those of a page since the last turn.
type changes struct {
	cleared bool              // what pages files hold of it counts no more
	values  map[uint16][]byte // nil: deleted
}

// merge applies changes to a page's rows.
func merge(rows []row, c *changes) []row {
	if c == nil {
		return rows
	}
	if c.cleared {
		rows = nil
	}
	merged := make([]row, 0, len(rows)+len(c.values))
	for _, r := range rows {
		if _, changed := c.values[r.index]; !changed {
			merged = append(merged, r)
		}
	}
	before := len(merged)
	for _, index := range slices.Sorted(maps.Keys(c.values)) {
		if value := c.values[index]; value != nil {
			merged = append(merged, row{index, value})
		}
	}
	if before > 0 && before < len(merged) && merged[before].index < merged[before-1].index {
		slices.SortFunc(merged, func(a, b row) int { return int(a.index) - int(b.index) })
	}
	return merged
}

// A page's rows are ascending: index u16, length u32, value.
const rowHead = 6

func bodySize(rows []row) (n int) {
	for _, r := range rows {
		n += rowHead + len(r.value)
	}
	return n
}

// unpack gives the rows of a page's frame, which are packed as a block of S2.
func unpack(packed []byte) (rows []byte, err error) {
	if n, err := s2.DecodedLen(packed); err != nil || n > maxBody {
		return nil, errBadPage
	}
	if rows, err = s2.Decode(nil, packed); err != nil {
		return nil, errBadPage
	}
	return rows, nil
}

func appendRows(b []byte, rows []row) []byte {
	for _, r := range rows {
		b = binary.BigEndian.AppendUint16(b, r.index)
		b = binary.BigEndian.AppendUint32(b, uint32(len(r.value)))
		b = append(b, r.value...)
	}
	return b
}

var errBadPage = errors.New("the values of a page are not in their form")

// parseRows reads a page's rows. They hold parts of b.
func parseRows(p pageKey, body []byte) (rows []row, err error) {
	for last := -1; len(body) > 0; {
		if len(body) < rowHead {
			return nil, errBadPage
		}
		index, length := binary.BigEndian.Uint16(body), binary.BigEndian.Uint32(body[2:])
		body = body[rowHead:]
		if int(index) <= last || int(index) >= 1<<p.kind.bits() || length > MaxValue || uint64(length) > uint64(len(body)) {
			return nil, errBadPage
		}
		last = int(index)
		rows = append(rows, row{index, body[:length:length]})
		body = body[length:]
	}
	return rows, nil
}
