package manifest

import (
	"encoding/binary"
	"fmt"

	"github.com/sledge-io/sledge/internal/fields"
)

// DecodeRecord reads one record other than a continuation. Lists that continue
// are filled in by Joiner.
func DecodeRecord(b []byte) (*Record, error) {
	r, c, err := decodeAny(b)
	if err != nil {
		return nil, err
	}
	if c.is() {
		return nil, fmt.Errorf("%w: %s: continuation record without its record", ErrCorrupt, quote(r.Path))
	}
	return r, nil
}

// pendingList is a list whose items follow in continuation records.
type pendingList struct {
	count int
	root  [32]byte
	long  bool
	taken listTaker
	tree  Tree // over the items so far
}

// continuation is what a continuation record says besides its path.
type continuation struct {
	number, field, first int
	items                [][]byte
	seen                 uint64 // a bit for every field of the record
}

func (c *continuation) is() bool { return c.number > 0 }

// Fields of every record, and those of continuation records.
const (
	headFields = 1<<1 | 1<<2
	contFields = 1<<24 | 1<<25 | 1<<26 | 1<<27
)

func decodeAny(b []byte) (*Record, continuation, error) {
	if len(b) > MaxRecord {
		return nil, continuation{}, fmt.Errorf("%w: record of %d bytes", ErrCorrupt, len(b))
	}
	r, c := &Record{}, continuation{}
	err := recordTable.Decode(b, func(f fields.Field) error { return r.set(f, &c) })
	if err != nil {
		return nil, c, fmt.Errorf("%w: record: %w", ErrCorrupt, err)
	}
	if r.Kind == KindContinuation {
		if c.number == 0 || c.field < fieldParts || len(c.items) == 0 || r.Path == "" || c.seen&^(headFields|contFields) != 0 {
			return nil, c, fmt.Errorf("%w: %s: not a whole continuation record", ErrCorrupt, quote(r.Path))
		}
		return r, c, nil
	}
	if c.seen&contFields != 0 {
		return nil, c, fmt.Errorf("%w: %s: continuation fields in a record", ErrCorrupt, quote(r.Path))
	}
	if !r.continues() {
		if err := r.check(); err != nil {
			return nil, c, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
	return r, c, nil
}

func (r *Record) set(f fields.Field, c *continuation) (err error) {
	num := func(max uint64) uint64 {
		var v uint64
		if err == nil {
			v, err = f.UintMax(max)
		}
		return v
	}
	const maxInt = 1<<63 - 1
	c.seen |= 1 << f.Number
	switch f.Number {
	case 1:
		r.Kind = Kind(num(uint64(kindWithdrawn) - 1))
	case 2:
		r.Path = string(f.Value)
	case 3:
		r.Size = int64(num(maxInt))
	case 4:
		r.Mode = uint32(num(07777))
	case 5:
		r.UID = uint32(num(1<<32 - 1))
	case 6:
		r.GID = uint32(num(1<<32 - 1))
	case 7:
		r.Owner = string(f.Value)
	case 8:
		r.Group = string(f.Value)
	case 9:
		r.Mtime, err = f.Time()
	case 10:
		r.Ctime, err = f.Time()
	case 11:
		r.SHA256, err = f.Blob(32)
	case 12:
		var b [8]byte
		err = f.Copy(b[:])
		r.CRC, r.HasCRC = binary.BigEndian.Uint64(b[:]), true
	case 13:
		r.PartSize = int64(num(maxInt))
	case 15, 16, 17, 18:
		err = r.setList(f.Number-fieldParts, f.Value)
	case 19:
		r.Target = string(f.Value)
	case 20:
		r.LinkGroup = num(1<<64 - 1)
	case 21:
		r.LinkTo = string(f.Value)
	case 22:
		r.Reason = string(f.Value)
	case 23:
		r.Detail = string(f.Value)
	case 24:
		c.number = int(num(maxContinuations))
	case 25:
		c.field = int(num(18))
	case 26:
		c.first = int(num(MaxListItems))
	case 27:
		c.items, err = listOf(f)
	case 34:
		r.Allocated = int64(num(maxInt))
	case FieldRemark:
		r.Remark = string(f.Value)
	case fieldRemarkDetail:
		r.RemarkDetail = string(f.Value)
	}
	return err
}

// setList takes a list in list form: its items, or that they follow.
func (r *Record) setList(list int, b []byte) error {
	l := pendingList{taken: listTaker{record: r, list: list}}
	err := listTable.Decode(b, func(f fields.Field) error {
		switch f.Number {
		case 1:
			n, err := f.UintMax(uint64(listLimits[list]))
			l.count = int(n)
			return err
		case 2:
			l.long = true
			return f.Copy(l.root[:])
		}
		return f.Items(l.taken.take)
	})
	items := l.taken.count
	if err == nil && (l.count == 0 || l.long == (items > 0) || !l.long && l.count != items) {
		err = fmt.Errorf("%w: list of %d items, %d given", ErrCorrupt, l.count, items)
	}
	if err == nil && l.long {
		if r.pending == nil {
			r.pending = &[4]pendingList{}
		}
		r.pending[list] = l
	}
	return err
}

// listOf copies the items of a list out of the record's bytes.
func listOf(f fields.Field) (items [][]byte, err error) {
	err = f.Items(func(it []byte) error {
		if len(it) > maxItem {
			return fmt.Errorf("%w: list item of %d bytes", ErrCorrupt, len(it))
		}
		items = append(items, append([]byte(nil), it...))
		return nil
	})
	return items, err
}

func (r *Record) continues() bool { return r.pending != nil }

func decodeExtent(b []byte) (e Extent, err error) {
	err = extentTable.Decode(b, func(f fields.Field) error {
		if f.Number == 8 {
			e.Hole, err = f.Flag()
			return err
		}
		most := uint64(1<<63 - 1)
		if f.Number == 5 {
			most = uint64(MaxBody)
		}
		v, err := f.UintMax(most)
		switch f.Number {
		case 2:
			e.Offset = int64(v)
		case 3:
			e.Length = int64(v)
		case 4:
			e.Pack = v
		case 5:
			e.PackOffset = int64(v)
		}
		return err
	})
	if err == nil {
		err = e.check()
	}
	if err != nil {
		err = fmt.Errorf("%w: extent: %w", ErrCorrupt, err)
	}
	return e, err
}

func decodeXattr(b []byte) (Xattr, error) {
	n, size := binary.Uvarint(b)
	if size <= 0 || size > 1 && b[size-1] == 0 || n == 0 || n > 255 || n > uint64(len(b)-size) {
		return Xattr{}, fmt.Errorf("%w: extended attribute", ErrCorrupt)
	}
	return Xattr{Name: string(b[size : size+int(n)]), Value: append([]byte(nil), b[size+int(n):]...)}, nil
}

// PeekRecord reads a record's kind, path and continuation number alone, and
// checks no more than these.
func PeekRecord(b []byte) (kind Kind, path string, cont int, err error) {
	r := fields.NewReader(b)
	for last := 0; last < 2 || kind == KindContinuation && last < 24; {
		f, ok, err := r.Next()
		if err == nil && !ok {
			err = fields.ErrMalformed
		}
		var v uint64
		switch {
		case err != nil:
		case f.Number == 1:
			v, err = f.UintMax(uint64(kindWithdrawn) - 1)
			kind = Kind(v)
		case f.Number == 2:
			path = string(f.Value)
		case f.Number == 24:
			v, err = f.UintMax(maxContinuations)
			cont = int(v)
		}
		if err != nil {
			return 0, "", 0, fmt.Errorf("%w: record: %w", ErrCorrupt, err)
		}
		last = f.Number
	}
	if kind == 0 || path == "" || kind == KindContinuation && cont == 0 {
		return 0, "", 0, fmt.Errorf("%w: record without kind, path or number", ErrCorrupt)
	}
	return kind, path, cont, nil
}

// PeekHead reads a record without the lists that stand in continuation records.
// Of a continuation record it reads the extents, if these are what it continues.
func PeekHead(b []byte) (*Record, error) {
	r, c, err := decodeAny(b)
	if err == nil && c.field == fieldExtents {
		t := listTaker{record: r, list: fieldExtents - fieldParts}
		for i := 0; i < len(c.items) && err == nil; i++ {
			err = t.take(c.items[i])
		}
	}
	return r, err
}
