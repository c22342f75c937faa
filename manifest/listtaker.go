package manifest

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// listLimits bound the items of the lists of listFields: a signed record must not take
// more memory than its entry can need.
var listLimits = [4]int{MaxParts, MaxListItems, MaxListItems, MaxXattrs / minXattrItem}

// minXattrItem is the length of a name's length and of a name of one byte.
const minXattrItem = 2

// listTaker decodes the items of one list into a record as they come, so that no more is
// kept of them than the record has in the end.
type listTaker struct {
	record *Record
	list   int
	count  int
	bytes  int
}

// take keeps nothing of the item's bytes.
func (t *listTaker) take(it []byte) error {
	t.count++
	t.bytes += len(it)
	switch {
	case len(it) > maxItem:
		return fmt.Errorf("%w: list item of %d bytes", ErrCorrupt, len(it))
	case listFields[t.list] == fieldXattrs && t.bytes > MaxXattrs:
		return fmt.Errorf("%w: extended attributes of more than %d bytes", ErrCorrupt, MaxXattrs)
	}
	return t.record.takeItem(t.list, it)
}

// takeItem decodes one item.
func (r *Record) takeItem(list int, it []byte) error {
	switch listFields[list] {
	case fieldParts:
		if len(it) != 32 {
			return fmt.Errorf("%w: part digest of %d bytes", ErrCorrupt, len(it))
		}
		r.Parts = append(r.Parts, bytes.Clone(it))
	case fieldCRCs:
		if len(it) != 8 {
			return fmt.Errorf("%w: unit CRC of %d bytes", ErrCorrupt, len(it))
		}
		r.UnitCRCs = append(r.UnitCRCs, binary.BigEndian.Uint64(it))
	case fieldExtents:
		e, err := decodeExtent(it)
		if err != nil {
			return err
		}
		r.Extents = append(r.Extents, e)
	case fieldXattrs:
		x, err := decodeXattr(it)
		if err != nil {
			return err
		}
		r.Xattrs = append(r.Xattrs, x)
	}
	return nil
}
