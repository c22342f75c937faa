package manifest

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sledge-io/sledge/crypto"
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

// encodeEntry writes an entry's bytes.
func encodeEntry(kind EntryKind, form fields.Form) ([]byte, error) {
	w := fields.NewWriter([]byte{Version, byte(kind)})
	form.Write(w)
	if len(w.Bytes()) > MaxEntry {
		return nil, fmt.Errorf("log entry of %d bytes is over the limit of %d", len(w.Bytes()), MaxEntry)
	}
	return w.Bytes(), nil
}

// hashes is a field of hashes.
func hashes(number int, critical bool, hs *[][32]byte) fields.Line {
	return fields.Custom(number, critical, func(w *fields.Writer) { w.Blob(number, critical, joinHashes(*hs)) }, func(f fields.Field) (err error) {
		*hs, err = splitHashes(f.Value)
		return err
	})
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

func (s *Start) form() fields.Form {
	var reserved uint64
	return fields.Form{
		fields.Array(1, true, s.Scope.Job[:]),
		fields.Array(2, true, s.Scope.Device[:]),
		fields.Uint(3, true, &s.Scope.Generation, math.MaxUint32),
		fields.Uint(4, true, &s.JobSerial, math.MaxInt64),
		fields.Array(5, true, s.JobSHA256[:]),
		fields.Uint(6, true, &s.Bays, MaxBays),
		fields.Time(7, false, &s.Unlocked),
		fields.Uint(8, false, &reserved, math.MaxInt64),
	}
}

func (e *WrapEntry) form() fields.Form {
	return fields.Form{
		fields.Uint(1, true, &e.Kind, math.MaxUint8),
		fields.Array(2, true, e.SHA256[:]),
		hashes(3, true, &e.Recipients),
		fields.Array(4, true, e.Check[:]),
		fields.Uint(5, true, &e.Generation, math.MaxUint32),
	}
}

// form has the bay's number from 1 on.
func (e *Event) form(bay *int) fields.Form {
	return fields.Form{
		fields.Time(1, false, &e.Time),
		fields.Text(2, true, &e.What),
		fields.Text(3, false, &e.Text),
		fields.Uint(4, false, bay, MaxBays),
	}
}

// form is that of packs and index packs: neither has all of it.
func (p *Pack) form(matrix *uint64) fields.Form {
	return fields.Form{
		fields.Uint(1, true, &p.Number, math.MaxInt64),
		fields.Array(2, true, p.ID[:]),
		fields.Blob(3, true, &p.Header, crypto.FloeHeaderSize),
		fields.Uint(4, true, &p.Geometry.K, MaxShards),
		fields.Uint(5, true, &p.Geometry.M, MaxShards),
		fields.Uint(6, true, &p.Geometry.BlockSize, MaxBlock),
		fields.Uint(7, true, matrix, math.MaxUint8),
		fields.Uint(8, true, &p.BodySize, uint64(MaxBody)),
		fields.Uint(9, true, &p.Segments, 1<<20),
		fields.Blob(10, true, &p.Bays, -1),
		fields.Array(11, true, p.Root[:]),
		hashes(12, true, &p.Pieces),
		fields.Blob(13, false, &p.Lost, -1),
		fields.Uint(14, true, &p.FirstPage, math.MaxInt64),
		fields.Uint(15, true, &p.Pages, 1024),
		fields.Blob(16, true, &p.FirstPath, FirstPathBox),
	}
}

func (p *PageEntry) form() fields.Form {
	return fields.Form{
		fields.Uint(1, true, &p.Number, math.MaxInt64),
		fields.Uint(2, true, &p.IndexPack, math.MaxInt64),
		fields.Uint(3, true, &p.Offset, uint64(MaxBody)),
		fields.Uint(4, true, &p.Length, MaxPageCiphertext),
		fields.Array(5, true, p.SHA256[:]),
		fields.Array(6, true, p.Root[:]),
		fields.Flag(7, true, &p.Directory),
	}
}

func (e *End) form() (f fields.Form) {
	for i, n := range []*uint64{&e.Packs, &e.Pages, &e.IndexPacks, &e.FirstPack, &e.FirstPage, &e.FirstIndex, &e.BodySize} {
		f = append(f, fields.Uint(i+1, true, n, math.MaxInt64))
	}
	return append(f, fields.Blob(8, true, &e.Totals, TotalsBox))
}

// Encode returns the entry's bytes.
func (s *Start) Encode() ([]byte, error) { return encodeEntry(EntryStart, s.form()) }

// Encode returns the entry's bytes.
func (e *WrapEntry) Encode() ([]byte, error) { return encodeEntry(EntryWrap, e.form()) }

// Encode returns the entry's bytes; the text is cut to 1,024 bytes.
func (e *Event) Encode() ([]byte, error) {
	cut, bay := *e, e.Bay+1
	if len(cut.Text) > 1024 {
		cut.Text = strings.ToValidUTF8(cut.Text[:1024], "") // not in the middle of a character
	}
	return encodeEntry(EntryEvent, cut.form(&bay))
}

// Encode returns the entry's bytes.
func (p *Pack) Encode() ([]byte, error) {
	kind, matrix := EntryPack, uint64(MatrixID)
	if p.IsIndex() {
		kind = EntryIndex
	}
	return encodeEntry(kind, p.form(&matrix))
}

// Encode returns the entry's bytes.
func (p *PageEntry) Encode() ([]byte, error) { return encodeEntry(EntryPage, p.form()) }

// Encode returns the entry's bytes.
func (e *End) Encode() ([]byte, error) { return encodeEntry(EntryEnd, e.form()) }

// EncodeReceipt is a receipt log entry (section 10).
func EncodeReceipt(commitment [32]byte) []byte {
	w := fields.NewWriter([]byte{Version, byte(entryReceipt)})
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

func decodeStart(b []byte) (*Start, error) {
	s := &Start{}
	err := s.form().Read(b)
	if err == nil && (s.Scope.Job.IsZero() || s.Scope.Device.IsZero() || s.Scope.Generation == 0 || s.Bays == 0 || s.JobSHA256 == [32]byte{}) {
		err = fmt.Errorf("incomplete start entry")
	}
	return s, err
}

func decodeWrapEntry(b []byte) (*WrapEntry, error) {
	e := &WrapEntry{}
	err := e.form().Read(b)
	if err == nil && (e.Kind != WrapHPKE && e.Kind != WrapAge || e.SHA256 == [32]byte{} || e.Check == [16]byte{} || len(e.Recipients) == 0 || e.Generation == 0) {
		err = fmt.Errorf("incomplete wrap entry or unknown kind %d", e.Kind)
	}
	return e, err
}

func decodeEvent(b []byte) (*Event, error) {
	e, bay := &Event{}, 0
	err := e.form(&bay).Read(b)
	e.Bay = bay - 1
	if err == nil && (!eventWords[e.What] || len(e.Text) > 1024) {
		err = fmt.Errorf("event %q, or one whose text is too long", e.What)
	}
	return e, err
}

func decodePack(b []byte, index bool) (*Pack, error) {
	p, matrix, not := &Pack{}, uint64(0), []int{14, 15, 16}
	if index {
		not = []int{3, 9}
	}
	if err := p.form(&matrix).Without(not...).Read(b); err != nil {
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
	p := &PageEntry{}
	err := p.form().Read(b)
	if err == nil && (p.SHA256 == [32]byte{} || p.Root == [32]byte{}) {
		err = fmt.Errorf("incomplete page entry")
	}
	if err == nil && (p.Offset%4096 != 0 || p.Length < minPageCiphertext || (p.Length-pageOverhead)%PageStep != 0) {
		err = fmt.Errorf("page of %d bytes at %d", p.Length, p.Offset)
	}
	return p, err
}

func decodeEnd(b []byte) (*End, error) {
	e := &End{}
	err := e.form().Read(b)
	if err == nil && e.Totals == nil {
		err = fmt.Errorf("incomplete end entry")
	}
	return e, err
}
