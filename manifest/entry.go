package manifest

import (
	"fmt"
	"strings"
	"time"

	"github.com/sledge-io/sledge/internal/fields"
)

// EntryKind is the kind of a log entry (section 5.2).
type EntryKind uint8

// Kinds of log entries, in the order in which they stand in the log, but for
// index entries, which follow the pages.
const (
	EntryStart EntryKind = iota + 1
	EntryWrap
	EntryEvent
	EntryPack
	EntryPage
	EntryIndex
	EntryEnd
	entryReceipt EntryKind = 16
)

// Entry is one decoded log entry: exactly one pointer is set.
type Entry struct {
	Start *Start
	Wrap  *WrapEntry
	Event *Event
	Pack  *Pack // kind pack or index
	Page  *PageEntry
	End   *End
}

// Start opens the log.
type Start struct {
	Scope     Scope
	JobSerial uint64
	JobSHA256 [32]byte
	Bays      int
	Unlocked  time.Time // first unlock, by the device's clock
}

// WrapKind says how the load key is wrapped (section 4.3).
type WrapKind uint8

// Kinds of wraps.
const (
	WrapHPKE WrapKind = iota + 1
	WrapAge
	WrapUnlock
)

// WrapEntry names a wrap file by its hash.
type WrapEntry struct {
	Kind       WrapKind
	SHA256     [32]byte
	Recipients [][32]byte // key ids
	Check      [16]byte
	Generation uint32
}

// Event is a public remark about the load; it never names files.
type Event struct {
	Time time.Time
	What string
	Text string
	Bay  int // −1: none
}

// Pack is the public description of a pack or, if FirstPath is set, of an index pack.
type Pack struct {
	Number    uint64
	ID        ID
	Header    []byte // FLOE header; nil for index packs
	Geometry  Geometry
	BodySize  int64
	Segments  uint64 // 0 for index packs
	Bays      []byte // bay of shard j
	Root      [32]byte
	Pieces    [][32]byte
	Lost      []byte // shards not written at commit
	FirstPage uint64 // index packs
	Pages     uint64
	FirstPath []byte // box
}

// Geometry is the erasure code's signed shape.
type Geometry struct {
	K, M      int
	BlockSize int
}

// MatrixID is the only coding matrix of version 1 (section 6.3).
const MatrixID = 1

// Validate applies the limits of section 2.
func (g Geometry) Validate() error {
	switch {
	case g.K < 1 || g.M < 0 || g.K > MaxShards || g.M > MaxShards || g.K+g.M > MaxShards:
		return fmt.Errorf("geometry %d+%d: need k ≥ 1, m ≥ 0, k+m ≤ %d", g.K, g.M, MaxShards)
	case g.BlockSize < MinBlock || g.BlockSize > MaxBlock || g.BlockSize&(g.BlockSize-1) != 0:
		return fmt.Errorf("block size %d: must be a power of two from %d to %d", g.BlockSize, MinBlock, MaxBlock)
	}
	return nil
}

// IsIndex tells an index pack from a pack.
func (p *Pack) IsIndex() bool { return p.FirstPath != nil }

// PlainSize is the length of the pack's plaintext.
func (p *Pack) PlainSize() int64 { return p.BodySize - 32*int64(p.Segments) }

// PageEntry commits to one page.
type PageEntry struct {
	Number    uint64
	IndexPack uint64
	Offset    int64
	Length    int64
	SHA256    [32]byte
	Root      [32]byte
	Directory bool
}

// End closes the log.
type End struct {
	Packs, Pages, IndexPacks         uint64
	FirstPack, FirstPage, FirstIndex uint64 // log positions
	BodySize                         uint64
	Totals                           []byte // box
}

func entryHead(kind EntryKind) *fields.Writer {
	return fields.NewWriter([]byte{Version, byte(kind)})
}

func finish(w *fields.Writer) ([]byte, error) {
	if len(w.Bytes()) > MaxEntry {
		return nil, fmt.Errorf("log entry of %d bytes is over the limit of %d", len(w.Bytes()), MaxEntry)
	}
	return w.Bytes(), nil
}

func joinHashes(hs [][32]byte) []byte {
	b := make([]byte, 0, 32*len(hs))
	for _, h := range hs {
		b = append(b, h[:]...)
	}
	return b
}

func splitHashes(b []byte) ([][32]byte, error) {
	if len(b)%32 != 0 {
		return nil, fmt.Errorf("%w: hashes of %d bytes", ErrCorrupt, len(b))
	}
	hs := make([][32]byte, len(b)/32)
	for i := range hs {
		copy(hs[i][:], b[32*i:])
	}
	return hs, nil
}

// Encode returns the entry's bytes.
func (s *Start) Encode() ([]byte, error) {
	w := entryHead(EntryStart)
	w.Blob(1, true, s.Scope.Job[:])
	w.Blob(2, true, s.Scope.Device[:])
	w.Uint(3, true, uint64(s.Scope.Generation))
	w.Uint(4, true, s.JobSerial)
	w.Blob(5, true, s.JobSHA256[:])
	w.Uint(6, true, uint64(s.Bays))
	w.Time(7, false, s.Unlocked)
	return finish(w)
}

// Encode returns the entry's bytes.
func (e *WrapEntry) Encode() ([]byte, error) {
	w := entryHead(EntryWrap)
	w.Uint(1, true, uint64(e.Kind))
	w.Blob(2, true, e.SHA256[:])
	w.Blob(3, true, joinHashes(e.Recipients))
	w.Blob(4, true, e.Check[:])
	w.Uint(5, true, uint64(e.Generation))
	return finish(w)
}

// Encode returns the entry's bytes; the text is cut to 1,024 bytes.
func (e *Event) Encode() ([]byte, error) {
	w := entryHead(EntryEvent)
	w.Time(1, false, e.Time)
	w.Text(2, true, e.What)
	text := e.Text
	if len(text) > 1024 {
		text = strings.ToValidUTF8(text[:1024], "") // not in the middle of a character
	}
	w.Text(3, false, text)
	w.Uint(4, false, uint64(e.Bay+1))
	return finish(w)
}

// Encode returns the entry's bytes.
func (p *Pack) Encode() ([]byte, error) {
	kind := EntryPack
	if p.IsIndex() {
		kind = EntryIndex
	}
	w := entryHead(kind)
	w.Uint(1, true, p.Number)
	w.Blob(2, true, p.ID[:])
	w.Blob(3, true, p.Header)
	w.Uint(4, true, uint64(p.Geometry.K))
	w.Uint(5, true, uint64(p.Geometry.M))
	w.Uint(6, true, uint64(p.Geometry.BlockSize))
	w.Uint(7, true, MatrixID)
	w.Uint(8, true, uint64(p.BodySize))
	w.Uint(9, true, p.Segments)
	w.Blob(10, true, p.Bays)
	w.Blob(11, true, p.Root[:])
	w.Blob(12, true, joinHashes(p.Pieces))
	w.Blob(13, false, p.Lost)
	w.Uint(14, true, p.FirstPage)
	w.Uint(15, true, p.Pages)
	w.Blob(16, true, p.FirstPath)
	return finish(w)
}

// Encode returns the entry's bytes.
func (p *PageEntry) Encode() ([]byte, error) {
	w := entryHead(EntryPage)
	w.Uint(1, true, p.Number)
	w.Uint(2, true, p.IndexPack)
	w.Uint(3, true, uint64(p.Offset))
	w.Uint(4, true, uint64(p.Length))
	w.Blob(5, true, p.SHA256[:])
	w.Blob(6, true, p.Root[:])
	w.Flag(7, true, p.Directory)
	return finish(w)
}

// Encode returns the entry's bytes.
func (e *End) Encode() ([]byte, error) {
	w := entryHead(EntryEnd)
	w.Uint(1, true, e.Packs)
	w.Uint(2, true, e.Pages)
	w.Uint(3, true, e.IndexPacks)
	w.Uint(4, true, e.FirstPack)
	w.Uint(5, true, e.FirstPage)
	w.Uint(6, true, e.FirstIndex)
	w.Uint(7, true, e.BodySize)
	w.Blob(8, true, e.Totals)
	return finish(w)
}

// EncodeReceipt is a receipt log entry (section 10).
func EncodeReceipt(commitment [32]byte) []byte {
	w := entryHead(entryReceipt)
	w.Blob(1, true, commitment[:])
	return w.Bytes()
}

// DecodeEntry reads a log entry of any kind of section 5.2. The version is
// checked before anything else.
func DecodeEntry(b []byte) (Entry, error) {
	if len(b) > 0 && b[0] != Version {
		return Entry{}, fmt.Errorf("log entry of version %d: %w", b[0], ErrUnsupportedVersion)
	}
	if len(b) < 2 || len(b) > MaxEntry {
		return Entry{}, fmt.Errorf("%w: log entry of %d bytes", ErrCorrupt, len(b))
	}
	var e Entry
	var err error
	switch EntryKind(b[1]) {
	case EntryStart:
		e.Start, err = decodeStart(b[2:])
	case EntryWrap:
		e.Wrap, err = decodeWrapEntry(b[2:])
	case EntryEvent:
		e.Event, err = decodeEvent(b[2:])
	case EntryPack, EntryIndex:
		e.Pack, err = decodePack(b[2:], EntryKind(b[1]) == EntryIndex)
	case EntryPage:
		e.Page, err = decodePageEntry(b[2:])
	case EntryEnd:
		e.End, err = decodeEnd(b[2:])
	default:
		return e, fmt.Errorf("%w: log entry of unknown kind %d", ErrCorrupt, b[1])
	}
	if err != nil {
		return Entry{}, fmt.Errorf("%w: log entry of kind %d: %w", ErrCorrupt, b[1], err)
	}
	return e, nil
}

// decoder gathers the first error of a series of field reads.
type decoder struct{ err error }

func (d *decoder) uint(f fields.Field, max uint64) uint64 {
	v, err := f.UintMax(max)
	if err != nil {
		d.err = err
	}
	return v
}

const maxInt64 = 1<<63 - 1

func decodeStart(b []byte) (*Start, error) {
	s, d := &Start{}, decoder{}
	err := fields.Decode(b, fields.Schema{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: false, 8: false}, func(f fields.Field) error {
		switch f.Number {
		case 1:
			d.err = f.Copy(s.Scope.Job[:])
		case 2:
			d.err = f.Copy(s.Scope.Device[:])
		case 3:
			s.Scope.Generation = uint32(d.uint(f, 1<<32-1))
		case 4:
			s.JobSerial = d.uint(f, maxInt64)
		case 5:
			d.err = f.Copy(s.JobSHA256[:])
		case 6:
			s.Bays = int(d.uint(f, MaxBays))
		case 7:
			s.Unlocked, d.err = f.Time()
		case 8: // reserved
			d.uint(f, maxInt64)
		}
		return d.err
	})
	if err == nil && (s.Scope.Job.IsZero() || s.Scope.Device.IsZero() || s.Scope.Generation == 0 || s.Bays == 0 || s.JobSHA256 == [32]byte{}) {
		err = fmt.Errorf("incomplete start entry")
	}
	return s, err
}

func decodeWrapEntry(b []byte) (*WrapEntry, error) {
	e, d := &WrapEntry{}, decoder{}
	err := fields.Decode(b, fields.Schema{1: true, 2: true, 3: true, 4: true, 5: true}, func(f fields.Field) error {
		switch f.Number {
		case 1:
			e.Kind = WrapKind(d.uint(f, 255))
		case 2:
			d.err = f.Copy(e.SHA256[:])
		case 3:
			e.Recipients, d.err = splitHashes(f.Value)
		case 4:
			d.err = f.Copy(e.Check[:])
		case 5:
			e.Generation = uint32(d.uint(f, 1<<32-1))
		}
		return d.err
	})
	if err == nil && (e.Kind != WrapHPKE && e.Kind != WrapAge || e.SHA256 == [32]byte{} || e.Check == [16]byte{} || len(e.Recipients) == 0 || e.Generation == 0) {
		err = fmt.Errorf("incomplete wrap entry or unknown kind %d", e.Kind)
	}
	return e, err
}

func decodeEvent(b []byte) (*Event, error) {
	e, d := &Event{Bay: -1}, decoder{}
	err := fields.Decode(b, fields.Schema{1: false, 2: true, 3: false, 4: false}, func(f fields.Field) error {
		switch f.Number {
		case 1:
			e.Time, d.err = f.Time()
		case 2:
			e.What = string(f.Value)
		case 3:
			e.Text = string(f.Value)
		case 4:
			e.Bay = int(d.uint(f, MaxBays)) - 1
		}
		return d.err
	})
	if err == nil && (!eventWords[e.What] || len(e.Text) > 1024) {
		err = fmt.Errorf("event %q, or one whose text is too long", e.What)
	}
	return e, err
}

func decodePack(b []byte, index bool) (*Pack, error) {
	p, d := &Pack{}, decoder{}
	var matrix uint64
	schema := fields.Schema{1: true, 2: true, 4: true, 5: true, 6: true, 7: true, 8: true, 10: true, 11: true, 12: true, 13: false}
	if index {
		schema[14], schema[15], schema[16] = true, true, true
	} else {
		schema[3], schema[9] = true, true
	}
	err := fields.Decode(b, schema, func(f fields.Field) error {
		switch f.Number {
		case 1:
			p.Number = d.uint(f, maxInt64)
		case 2:
			d.err = f.Copy(p.ID[:])
		case 3:
			p.Header, d.err = f.Blob(74)
		case 4:
			p.Geometry.K = int(d.uint(f, MaxShards))
		case 5:
			p.Geometry.M = int(d.uint(f, MaxShards))
		case 6:
			p.Geometry.BlockSize = int(d.uint(f, MaxBlock))
		case 7:
			matrix = d.uint(f, 255)
		case 8:
			p.BodySize = int64(d.uint(f, uint64(MaxBody)))
		case 9:
			p.Segments = d.uint(f, 1<<20)
		case 10:
			p.Bays, d.err = f.Blob(-1)
		case 11:
			d.err = f.Copy(p.Root[:])
		case 12:
			p.Pieces, d.err = splitHashes(f.Value)
		case 13:
			p.Lost, d.err = f.Blob(-1)
		case 14:
			p.FirstPage = d.uint(f, maxInt64)
		case 15:
			p.Pages = d.uint(f, 1024)
		case 16:
			p.FirstPath, d.err = f.Blob(FirstPathBox)
		}
		return d.err
	})
	if err != nil {
		return nil, err
	}
	return p, p.check(matrix, index)
}

func (p *Pack) check(matrix uint64, index bool) error {
	if err := p.Geometry.Validate(); err != nil {
		return err
	}
	n := p.Geometry.K + p.Geometry.M
	switch {
	case matrix != MatrixID:
		return fmt.Errorf("unknown coding matrix %d", matrix)
	case p.ID.IsZero() || p.BodySize < 1 || p.Root == [32]byte{} || len(p.Pieces) != n || len(p.Bays) != n:
		return fmt.Errorf("incomplete pack entry")
	case index && (p.Pages < 2 || // of records, and its directory
		p.FirstPath == nil):
		return fmt.Errorf("incomplete index entry")
	case !index && (p.Header == nil || p.Segments == 0):
		return fmt.Errorf("incomplete pack entry")
	}
	if err := p.checkBody(index); err != nil {
		return err
	}
	var seen [MaxBays]bool
	for _, bay := range p.Bays {
		if bay >= MaxBays || seen[bay] {
			return fmt.Errorf("bad shard map")
		}
		seen[bay] = true
	}
	if len(p.Lost) > p.Geometry.M {
		return fmt.Errorf("bad list of lost shards")
	}
	for i, s := range p.Lost {
		if int(s) >= n || i > 0 && p.Lost[i-1] >= s {
			return fmt.Errorf("bad list of lost shards")
		}
	}
	return nil
}

func decodePageEntry(b []byte) (*PageEntry, error) {
	p, d := &PageEntry{}, decoder{}
	err := fields.Decode(b, fields.Schema{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true}, func(f fields.Field) error {
		switch f.Number {
		case 1:
			p.Number = d.uint(f, maxInt64)
		case 2:
			p.IndexPack = d.uint(f, maxInt64)
		case 3:
			p.Offset = int64(d.uint(f, uint64(MaxBody)))
		case 4:
			p.Length = int64(d.uint(f, MaxPageCiphertext))
		case 5:
			d.err = f.Copy(p.SHA256[:])
		case 6:
			d.err = f.Copy(p.Root[:])
		case 7:
			p.Directory, d.err = f.Flag()
		}
		return d.err
	})
	if err == nil && (p.SHA256 == [32]byte{} || p.Root == [32]byte{}) {
		err = fmt.Errorf("incomplete page entry")
	}
	if err == nil && (p.Offset%4096 != 0 || p.Length < minPageCiphertext || (p.Length-pageOverhead)%PageStep != 0) {
		err = fmt.Errorf("page of %d bytes at %d", p.Length, p.Offset)
	}
	return p, err
}

func decodeEnd(b []byte) (*End, error) {
	e, d := &End{}, decoder{}
	schema := fields.Schema{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true, 8: true}
	err := fields.Decode(b, schema, func(f fields.Field) error {
		if f.Number == 8 {
			e.Totals, d.err = f.Blob(TotalsBox)
			return d.err
		}
		v := d.uint(f, maxInt64)
		*[]*uint64{&e.Packs, &e.Pages, &e.IndexPacks, &e.FirstPack, &e.FirstPage, &e.FirstIndex, &e.BodySize}[f.Number-1] = v
		return d.err
	})
	if err == nil && e.Totals == nil {
		err = fmt.Errorf("incomplete end entry")
	}
	return e, err
}
