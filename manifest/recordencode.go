package manifest

import (
	"fmt"

	"github.com/sledge-io/sledge/internal/fields"
)

// Encode returns the record's bytes and those of its continuation records.
func (r *Record) Encode() ([][]byte, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	w := fields.NewWriter(make([]byte, 0, 224+len(r.Path)))
	w.Uint(1, true, uint64(r.Kind))
	w.Text(2, true, r.Path)
	w.Uint(3, true, uint64(r.Size))
	w.Uint(4, false, uint64(r.Mode))
	w.Uint(5, false, uint64(r.UID))
	w.Uint(6, false, uint64(r.GID))
	w.Text(7, false, r.Owner)
	w.Text(8, false, r.Group)
	w.Time(9, false, r.Mtime)
	w.Time(10, false, r.Ctime)
	w.Blob(11, false, r.SHA256)
	if r.HasCRC {
		w.Blob(12, false, appendU64(nil, r.CRC))
	}
	w.Uint(13, true, uint64(r.PartSize))
	var continued [4]bool
	var scratch [160]byte
	for i, number := range listFields {
		l := r.encodeItems(i, scratch[:0])
		if l.count == 0 {
			continue
		}
		if l.longest > maxItem {
			return nil, fmt.Errorf("%s: list item of %d bytes in field %d is over the limit of %d", quote(r.Path), l.longest, number, maxItem)
		}
		continued[i] = l.size > maxInline
		w.Blob(number, number == fieldExtents, r.encodeList(i, l, continued[i]))
	}
	w.Text(19, true, r.Target)
	w.Uint(20, false, r.LinkGroup)
	w.Text(21, true, r.LinkTo)
	w.Text(22, true, r.Reason)
	w.Text(23, false, r.Detail)
	w.Uint(34, false, uint64(r.Allocated))
	w.Text(FieldRemark, false, r.Remark)
	w.Text(fieldRemarkDetail, false, r.RemarkDetail)
	out := [][]byte{w.Bytes()}
	if len(out[0]) > MaxRecord {
		return nil, fmt.Errorf("%s: record of %d bytes is over the limit of %d", quote(r.Path), len(out[0]), MaxRecord)
	}
	for i, number := range listFields {
		if continued[i] {
			out = r.appendContinuations(out, number, r.listItems(i))
		}
	}
	return out, nil
}

func (r *Record) appendContinuations(out [][]byte, number int, items [][]byte) [][]byte {
	for first := 0; first < len(items); {
		end, size := first, 0
		for end < len(items) && (end == first || size+len(items[end])+3 <= maxContData) {
			size += len(items[end]) + 3
			end++
		}
		w := fields.NewWriter(make([]byte, 0, size+len(r.Path)+64))
		w.Uint(1, true, uint64(KindContinuation))
		w.Text(2, true, r.OrderKey())
		w.Uint(24, true, uint64(len(out)))
		w.Uint(25, true, uint64(number))
		w.Uint(26, true, uint64(first))
		w.List(27, true, items[first:end])
		out = append(out, w.Bytes())
		first = end
	}
	return out
}

// encodedItems are the items of one list, each with its length before it.
type encodedItems struct {
	data    []byte
	count   int
	size    int // what decides whether they are continued: three bytes for a length
	longest int
}

// encodeItems appends to dst.
func (r *Record) encodeItems(list int, dst []byte) encodedItems {
	l := encodedItems{data: dst}
	n := r.listLen(list)
	if n == 0 {
		return l
	}
	it := make([]byte, 0, 64)
	for ; l.count < n; l.count++ {
		it = r.appendItem(it[:0], list, l.count)
		l.data = fields.AppendItem(l.data, it)
		l.size += len(it) + 3
		l.longest = max(l.longest, len(it))
	}
	return l
}

// encodeList is the list form of section 7.2.
func (r *Record) encodeList(list int, l encodedItems, continued bool) []byte {
	w := fields.NewWriter(make([]byte, 0, 48+len(l.data)))
	w.Uint(1, true, uint64(l.count))
	if continued {
		root := RootOver(r.listItems(list))
		w.Blob(2, false, root[:])
	} else {
		w.Blob(3, false, l.data)
	}
	return w.Bytes()
}

func (r *Record) listLen(list int) int {
	return [4]int{len(r.Parts), len(r.UnitCRCs), len(r.Extents), len(r.Xattrs)}[list]
}

// appendItem appends item i of a list.
func (r *Record) appendItem(dst []byte, list, i int) []byte {
	switch listFields[list] {
	case fieldParts:
		return append(dst, r.Parts[i]...)
	case fieldCRCs:
		return appendU64(dst, r.UnitCRCs[i])
	case fieldExtents:
		e := &r.Extents[i]
		w := fields.NewWriter(dst)
		w.Uint(2, true, uint64(e.Offset))
		w.Uint(3, true, uint64(e.Length))
		w.Uint(4, true, e.Pack)
		w.Uint(5, true, uint64(e.PackOffset))
		w.Flag(8, true, e.Hole)
		return w.Bytes()
	default:
		x := &r.Xattrs[i]
		dst = fields.AppendItem(dst, []byte(x.Name))
		return append(dst, x.Value...)
	}
}

func (r *Record) listItems(list int) [][]byte {
	items := make([][]byte, r.listLen(list))
	for i := range items {
		items[i] = r.appendItem(nil, list, i)
	}
	return items
}
