package manifest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/sledge-io/sledge/internal/fields"
)

// Kind is what a record describes.
type Kind uint8

// Kinds of records (section 7.2).
const (
	KindFile Kind = iota + 1
	KindDir
	KindSymlink
	KindHardlink
	KindSkipped
	KindContinuation
	kindWithdrawn // reserved
)

var kindNames = [...]string{"", "file", "directory", "symlink", "hard link", "skipped", "continuation"}

func (k Kind) String() string {
	if int(k) < len(kindNames) && k > 0 {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Extent is a run of an entry's bytes inside a pack, or a hole.
type Extent struct {
	Offset     int64 // in the entry's content
	Length     int64
	Pack       uint64 // number of the pack in the log
	PackOffset int64  // in the pack's plaintext
	Hole       bool
}

// Xattr is one extended attribute.
type Xattr struct {
	Name  string
	Value []byte
}

// Record describes one entry of the source. Lists (parts, unit CRCs, extents,
// xattrs) are whole here; Encode moves long ones into continuation records and
// Joiner puts them back.
type Record struct {
	Kind      Kind
	Path      string // bytes, kept exactly
	Size      int64
	Mode      uint32 // 07777
	UID, GID  uint32
	Owner     string
	Group     string
	Mtime     time.Time
	Ctime     time.Time
	SHA256    []byte   // of the whole content; nil if not recorded
	CRC       uint64   // CRC64NVME of the whole content
	HasCRC    bool     //
	PartSize  int64    // 0: the content is one part
	Parts     [][]byte // SHA-256 of each part, if more than one part
	UnitCRCs  []uint64 // CRC64NVME of each 16 MiB unit, if longer than 16 MiB
	Extents   []Extent
	Xattrs    []Xattr
	Target    string // of a symlink
	LinkGroup uint64
	LinkTo    string // hard link: path of the first name
	Reason    string // skipped
	Detail    string // skipped
	Allocated int64  // allocated bytes at the source, if sparse

	// A later look at the entry failed, or could not keep all of it: what is
	// recorded is the last good version. Reason codes are those of skipped entries,
	// and "attributes".
	Remark       string
	RemarkDetail string

	pending *[4]pendingList // lists that continue in further records
}

// Field numbers of the four lists in list form.
const (
	fieldParts   = 15
	fieldCRCs    = 16
	fieldExtents = 17
	fieldXattrs  = 18

	FieldRemark       = 35 // see Record.Remark
	fieldRemarkDetail = 36

	maxInline   = 8192  // list bytes kept in the record itself
	maxItem     = 60000 // bytes of one item
	maxContData = 56000 // list bytes in one continuation record
	// MaxListItems bounds what a reader joins for one entry: 48.8 TiB in 16 MiB units.
	MaxListItems = 1 << 22
)

var listFields = [4]int{fieldParts, fieldCRCs, fieldExtents, fieldXattrs}

// OrderKey is the record's place in the manifest: the path, and for a directory a slash.
func (r *Record) OrderKey() string {
	if r.Kind == KindDir {
		return r.Path + "/"
	}
	return r.Path
}

// DataLength is the number of content bytes that count in the totals.
func (r *Record) DataLength() int64 {
	switch r.Kind {
	case KindFile, KindSymlink, KindHardlink:
		return r.Size
	}
	return 0
}

var recordSchema = fields.Schema{1: true, 2: true, 3: true, 4: false, 5: false, 6: false, 7: false, 8: false, 9: false, 10: false,
	11: false, 12: false, 13: true, 15: false, 16: false, 17: true, 18: false, 19: true, 20: false, 21: true, 22: true, 23: false,
	24: true, 25: true, 26: true, 27: true, 34: false, FieldRemark: false, fieldRemarkDetail: false}

var (
	listSchema   = fields.Schema{1: true, 2: false, 3: false}
	extentSchema = fields.Schema{2: true, 3: true, 4: true, 5: true, 8: true}

	recordTable, listTable, extentTable = recordSchema.Table(), listSchema.Table(), extentSchema.Table()
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

// SetRemark puts a remark on an encoded record that is no continuation; an empty
// reason takes it off.
func SetRemark(record []byte, reason, detail string) ([]byte, error) {
	w := fields.NewWriter(make([]byte, 0, len(record)+len(reason)+len(detail)+8))
	r := fields.NewReader(record)
	for {
		f, ok, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("%w: record: %w", ErrCorrupt, err)
		}
		if !ok || f.Number >= FieldRemark {
			break
		}
		w.Blob(f.Number, f.Critical, f.Value)
	}
	if reason != "" {
		w.Text(FieldRemark, false, reason)
		w.Text(fieldRemarkDetail, false, detail)
	}
	if b := w.Bytes(); len(b) <= MaxRecord {
		return b, nil
	}
	if detail == "" {
		return nil, fmt.Errorf("%w: no room for a remark in a record of %d bytes", ErrCorrupt, len(record))
	}
	return SetRemark(record, reason, "")
}

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
	items [][]byte
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
		c.number = int(num(1 << 30))
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
	var l pendingList
	items := 0
	err := listTable.Decode(b, func(f fields.Field) error {
		switch f.Number {
		case 1:
			n, err := f.UintMax(MaxListItems)
			l.count = int(n)
			return err
		case 2:
			l.long = true
			return f.Copy(l.root[:])
		}
		return f.Items(func(it []byte) error {
			items++
			return r.takeItem(list, it)
		})
	})
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

// take decodes the items of one list into the record.
func (r *Record) take(list int, items [][]byte) error {
	for _, it := range items {
		if err := r.takeItem(list, it); err != nil {
			return err
		}
	}
	return nil
}

// takeItem decodes one item; the record keeps nothing of its bytes.
func (r *Record) takeItem(list int, it []byte) error {
	if len(it) > maxItem {
		return fmt.Errorf("%w: list item of %d bytes", ErrCorrupt, len(it))
	}
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

func decodeExtent(b []byte) (e Extent, err error) {
	err = extentTable.Decode(b, func(f fields.Field) error {
		if f.Number == 8 {
			e.Hole, err = f.Flag()
			return err
		}
		v, err := f.UintMax(1<<63 - 1)
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

// Joiner puts continuation records back into their record. Feed it the records
// of the manifest in order; it returns an entry once that is whole.
type Joiner struct {
	r    *Record
	next int
	list int
}

// Add takes the next record's bytes. It returns the entry's record if it is
// complete, nil if continuation records must follow.
func (j *Joiner) Add(b []byte) (*Record, error) {
	r, c, err := decodeAny(b)
	if err != nil {
		return nil, err
	}
	if !c.is() {
		if j.r != nil {
			return nil, fmt.Errorf("%w: %s: continuation records missing", ErrCorrupt, quote(j.r.Path))
		}
		if !r.continues() {
			return r, nil
		}
		j.r, j.next, j.list = r, 1, 0
		j.skipShort()
		return nil, nil
	}
	if j.r == nil || r.Path != j.r.OrderKey() || c.number != j.next {
		return nil, fmt.Errorf("%w: %s: continuation %d is out of place", ErrCorrupt, quote(r.Path), c.number)
	}
	l := &j.r.pending[j.list]
	if c.field != listFields[j.list] || c.first != len(l.items) || len(l.items)+len(c.items) > l.count {
		return nil, fmt.Errorf("%w: %s: continuation %d does not fit", ErrCorrupt, quote(r.Path), c.number)
	}
	l.items = append(l.items, c.items...)
	j.next++
	if len(l.items) < l.count {
		return nil, nil
	}
	if RootOver(l.items) != l.root {
		return nil, fmt.Errorf("%w: %s: list of field %d does not match its root", ErrCorrupt, quote(r.Path), c.field)
	}
	if err := j.r.take(j.list, l.items); err != nil {
		return nil, err
	}
	l.items = nil
	j.list++
	j.skipShort()
	if j.list < len(listFields) {
		return nil, nil
	}
	done := j.r
	j.r = nil
	done.pending = nil
	if err := done.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return done, nil
}

func (j *Joiner) skipShort() {
	for j.list < len(listFields) && !j.r.pending[j.list].long {
		j.list++
	}
}

// Pending tells whether an entry still waits for continuation records.
func (j *Joiner) Pending() bool { return j.r != nil }

// PartSizeFor is the rule of section 7.2: 16 MiB up to 10,000 parts, then the
// smallest multiple of 16 MiB that fits. Zero means one part.
func PartSizeFor(size int64) int64 {
	if size <= UnitSize {
		return 0
	}
	units := (size + UnitSize - 1) / UnitSize
	return (units + MaxParts - 1) / MaxParts * UnitSize
}

// UnitSize is the unit of the CRC list and the smallest part; MaxParts is S3's limit.
const (
	UnitSize = 16 << 20
	MaxParts = 10000
)

// check holds what every whole record must satisfy, written or read.
func (r *Record) check() error {
	if err := CheckPath(r.Path); err != nil {
		return err
	}
	fail := func(text string) error { return fmt.Errorf("%s: %s", quote(r.Path), text) }
	switch {
	case r.Size < 0 || r.Allocated < 0 || r.Mode > 07777:
		return fail("size or mode out of range")
	case len(r.SHA256) != 0 && len(r.SHA256) != 32:
		return fail("bad digest")
	}
	for i, x := range r.Xattrs {
		if x.Name == "" || len(x.Name) > 255 || i > 0 && r.Xattrs[i-1].Name >= x.Name {
			return fail("extended attributes without a name or out of order")
		}
	}
	switch r.Kind {
	case KindFile, KindHardlink:
		if err := r.checkContent(); err != nil {
			return fail(err.Error())
		}
		if r.Kind != KindHardlink {
			break
		}
		if r.LinkGroup == 0 {
			return fail("hard link without its group")
		}
		if err := CheckPath(r.LinkTo); err != nil {
			return fail("hard link: " + err.Error())
		}
	case KindDir:
		if r.Size != 0 {
			return fail("directory with a size")
		}
	case KindSymlink:
		if r.Size != int64(len(r.Target)) || r.Target == "" || len(r.Target) > MaxPath {
			return fail("bad symlink target")
		}
	case KindSkipped:
		if r.Reason == "" {
			return fail("skipped without a reason")
		}
	default:
		return fail("unknown kind")
	}
	return nil
}

func (r *Record) checkContent() error {
	switch {
	case r.PartSize != PartSizeFor(r.Size):
		return fmt.Errorf("part size %d for %d bytes", r.PartSize, r.Size)
	case r.PartSize == 0 && len(r.SHA256) != 32:
		return fmt.Errorf("no digest")
	case r.PartSize > 0 && int64(len(r.Parts)) != (r.Size+r.PartSize-1)/r.PartSize:
		return fmt.Errorf("%d part digests for %d bytes", len(r.Parts), r.Size)
	case r.PartSize == 0 && len(r.Parts) > 0:
		return fmt.Errorf("part digests for one part")
	case len(r.UnitCRCs) > 0 && (r.PartSize == 0 || int64(len(r.UnitCRCs)) != (r.Size+UnitSize-1)/UnitSize):
		return fmt.Errorf("%d unit CRCs for %d bytes", len(r.UnitCRCs), r.Size)
	}
	for _, p := range r.Parts {
		if len(p) != 32 {
			return fmt.Errorf("part digest of %d bytes", len(p))
		}
	}
	var at int64
	for _, e := range r.Extents {
		if e.Offset != at || e.Length <= 0 || e.Length > r.Size-at {
			return fmt.Errorf("extents do not cover the content")
		}
		if e.PackOffset < 0 || e.Hole && (e.Pack != 0 || e.PackOffset != 0) {
			return fmt.Errorf("extent without a place, or a hole with one")
		}
		at += e.Length
	}
	if at != r.Size {
		return fmt.Errorf("extents cover %d of %d bytes", at, r.Size)
	}
	return nil
}

// CheckPath applies section 7.1.
func CheckPath(p string) error {
	if p == "" || len(p) > MaxPath {
		return fmt.Errorf("path of %d bytes: must be 1 to %d", len(p), MaxPath)
	}
	for start := 0; start <= len(p); {
		end := start
		for end < len(p) && p[end] != '/' {
			if p[end] == 0 {
				return fmt.Errorf("path %s contains a NUL", quote(p))
			}
			end++
		}
		switch p[start:end] {
		case "", ".", "..":
			return fmt.Errorf("path %s has an empty or dot component", quote(p))
		}
		start = end + 1
	}
	return nil
}

// CompareKeys orders two records of the manifest.
func CompareKeys(a, b string) int { return bytes.Compare([]byte(a), []byte(b)) }

func quote(s string) string { return fmt.Sprintf("%q", s) }

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
			v, err = f.UintMax(1 << 30)
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

// PeekHead reads a record without its lists: long ones may stand in
// continuation records that are not at hand.
func PeekHead(b []byte) (*Record, error) {
	r, _, err := decodeAny(b)
	return r, err
}
