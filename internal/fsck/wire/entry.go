package wire

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

type EntryKind uint8

const (
	StartKind   EntryKind = 1
	WrapKind    EntryKind = 2
	EventKind   EntryKind = 3
	PackKind    EntryKind = 4
	PageKind    EntryKind = 5
	IndexKind   EntryKind = 6
	EndKind     EntryKind = 7
	ReceiptKind EntryKind = 16
)

// LogEntry is one parsed entry (format.md 5.2); the pointer of its kind is set.
type LogEntry struct {
	Kind  EntryKind
	Start *StartEntry
	Wrap  *WrapEntry
	Event *EventEntry
	Pack  *PackEntry // pack and index
	Page  *PageEntry
	End   *EndEntry
}

type StartEntry struct {
	Identity
	JobSerial uint64
	JobSHA256 [32]byte
	Bays      int
}

type WrapEntry struct {
	Kind       uint64
	Sha256     [32]byte
	KeyIDs     []byte
	Check      []byte
	Generation uint64
}

type EventEntry struct {
	What string
	Bay  int // −1: none is meant
}

// PackEntry says all that is public about a pack or an index pack.
type PackEntry struct {
	index      bool
	Number     uint64
	ID         ID
	Geometry   Geometry
	segments   uint64
	Bays       []byte // shard → bay
	Root       tlog.Hash
	Pieces     [][32]byte
	NotWritten uint32 // bit j: shard j was not written before the commit
	FirstPage  uint64
	PageCount  uint64
}

func (p *PackEntry) Noun() string {
	if p.index {
		return "index pack"
	}
	return "pack"
}

type PageEntry struct {
	Number, Index  uint64
	Offset, Length int64
	Sha256         [32]byte
	Root           tlog.Hash
	Directory      bool
}

type EndEntry struct {
	Packs, Pages, Indexes            uint64
	FirstPack, FirstPage, FirstIndex uint64
	BodySum                          uint64
}

var (
	StartFields = Schema{
		BytesField(1, 16, 16), BytesField(2, 16, 16), UintField(3), UintField(4),
		BytesField(5, 32, 32), UintField(6), TimeField(7), UintField(8).Optional(),
	}
	wrapFields  = Schema{UintField(1), BytesField(2, 32, 32), HashesField(3, 64), BytesField(4, 16, 16), UintField(5)}
	eventFields = Schema{TimeField(1), BytesField(2, 1, 64), BytesField(3, 1, 1024).Optional(), UintField(4).Optional()}
	pageFields  = Schema{
		UintField(1), UintField(2), UintField(3), UintField(4),
		BytesField(5, 32, 32), BytesField(6, 32, 32), UintField(7),
	}
	endFields = Schema{
		UintField(1), UintField(2), UintField(3), UintField(4), UintField(5), UintField(6),
		UintField(7), BytesField(8, TotalsBox, TotalsBox),
	}
	sharedFields = Schema{
		UintField(1), BytesField(2, 16, 16), UintField(4), UintField(5), UintField(6), UintField(7), UintField(8),
		BytesField(10, 1, MaxShards), BytesField(11, 32, 32), HashesField(12, MaxShards),
		BytesField(13, 1, MaxShards).Optional(),
	}
	PackFields  = append(Schema{BytesField(3, FloeHeaderSize, FloeHeaderSize), UintField(9)}, sharedFields...)
	indexFields = append(Schema{UintField(14), UintField(15), BytesField(16, FirstPathBox, FirstPathBox)}, sharedFields...)
)

// numbers are the fields of an entry that no narrower limit bounds.
var numbers = map[EntryKind][]uint32{
	StartKind: {4, 8}, IndexKind: {1, 14}, PageKind: {1, 2}, EndKind: {1, 2, 3, 4, 5, 6, 7},
}

// checkNumbers holds them below 2^63: a reader computes with them.
func (m Message) checkNumbers(kind EntryKind) error {
	for _, n := range numbers[kind] {
		if m.Uint(n) > 1<<63-1 {
			return fmt.Errorf("%w: field %d is %d", ErrMalformed, n, m.Uint(n))
		}
	}
	return nil
}

// ParseEntry gives [ErrVersion] for a kind that this verifier does not know. The entry keeps
// parts of b.
func ParseEntry(b []byte) (LogEntry, error) {
	if len(b) > MaxEntrySize {
		return LogEntry{}, fmt.Errorf("%w: entry of %d bytes", ErrMalformed, len(b))
	}
	kind, body, err := VersionKind(b)
	if err != nil {
		return LogEntry{}, err
	}
	e := LogEntry{Kind: EntryKind(kind)}
	switch e.Kind {
	case StartKind:
		e.Start, err = parseStart(body)
	case WrapKind:
		e.Wrap, err = parseWrapEntry(body)
	case EventKind:
		e.Event, err = parseEvent(body)
	case PackKind, IndexKind:
		e.Pack, err = parsePack(body, e.Kind == IndexKind)
	case PageKind:
		e.Page, err = parsePage(body)
	case EndKind:
		e.End, err = parseEnd(body)
	default:
		err = fmt.Errorf("%w: entry kind %d", ErrVersion, kind)
	}
	return e, err
}

// FirstOf is the first error: a joined one would have two lines.
func FirstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func parseStart(b []byte) (*StartEntry, error) {
	m, err := ParseFields(b, StartFields)
	if err != nil {
		return nil, err
	}
	if err := FirstOf(m.nonzero(1, 2, 5), m.Need(3, 6), m.checkNumbers(StartKind)); err != nil {
		return nil, err
	}
	if m.Uint(6) > MaxBays || m.Uint(3) > maxGeneration {
		return nil, fmt.Errorf("%w: %d bays, generation %d", ErrMalformed, m.Uint(6), m.Uint(3))
	}
	s := &StartEntry{JobSerial: m.Uint(4), JobSHA256: [32]byte(m.Bytes(5)), Bays: int(m.Uint(6))}
	s.Job, s.Device, s.Generation = ID(m.Bytes(1)), ID(m.Bytes(2)), m.Uint(3)
	return s, nil
}

func parseWrapEntry(b []byte) (*WrapEntry, error) {
	m, err := ParseFields(b, wrapFields)
	if err != nil {
		return nil, err
	}
	if err := FirstOf(m.nonzero(2, 4), m.Need(1, 3, 5)); err != nil {
		return nil, err
	}
	if m.Uint(5) > maxGeneration {
		return nil, fmt.Errorf("%w: wrap of generation %d", ErrMalformed, m.Uint(5))
	}
	if kind := m.Uint(1); kind != WrapHPKE && kind != WrapAge {
		return nil, fmt.Errorf("%w: wrap kind %d", ErrVersion, kind)
	}
	return &WrapEntry{Kind: m.Uint(1), Sha256: [32]byte(m.Bytes(2)), KeyIDs: m.Bytes(3),
		Check: m.Bytes(4), Generation: m.Uint(5)}, nil
}

var eventWords = map[string]bool{
	"load-started": true, "load-resumed": true, "disk-failed": true, "disk-rebuilt": true,
	"disk-absent": true, "pack-degraded": true, "note": true,
}

func parseEvent(b []byte) (*EventEntry, error) {
	m, err := ParseFields(b, eventFields)
	if err != nil {
		return nil, err
	}
	if err := m.Need(2); err != nil {
		return nil, err
	}
	if m.Uint(4) > MaxBays {
		return nil, fmt.Errorf("%w: event of bay %d", ErrMalformed, m.Uint(4)-1)
	}
	e := &EventEntry{What: string(m.Bytes(2)), Bay: int(m.Uint(4)) - 1}
	if !eventWords[e.What] {
		return nil, fmt.Errorf("%w: event %q", ErrMalformed, e.What)
	}
	return e, nil
}

func parsePage(b []byte) (*PageEntry, error) {
	m, err := ParseFields(b, pageFields)
	if err != nil {
		return nil, err
	}
	if err := FirstOf(m.nonzero(5, 6), m.Need(4), m.checkNumbers(PageKind)); err != nil {
		return nil, err
	}
	offset, length, kind := m.Uint(3), m.Uint(4), m.Uint(7)
	plain := int64(length) - FloeHeaderSize - SegmentOverhead
	switch {
	case offset > MaxBody || offset%4096 != 0:
		return nil, fmt.Errorf("%w: page offset %d", ErrMalformed, offset)
	case length > MaxBody || plain <= 0 || plain > maxPagePlain || plain%PageUnit != 0:
		return nil, fmt.Errorf("%w: page length %d", ErrMalformed, length)
	case kind > 1:
		return nil, fmt.Errorf("%w: page kind %d", ErrVersion, kind)
	}
	return &PageEntry{Number: m.Uint(1), Index: m.Uint(2), Offset: int64(offset), Length: int64(length),
		Sha256: [32]byte(m.Bytes(5)), Root: HashOf(m.Bytes(6)), Directory: kind == 1}, nil
}

func parseEnd(b []byte) (*EndEntry, error) {
	m, err := ParseFields(b, endFields)
	if err != nil {
		return nil, err
	}
	if err := FirstOf(m.Need(8), m.checkNumbers(EndKind)); err != nil {
		return nil, err
	}
	return &EndEntry{Packs: m.Uint(1), Pages: m.Uint(2), Indexes: m.Uint(3),
		FirstPack: m.Uint(4), FirstPage: m.Uint(5), FirstIndex: m.Uint(6), BodySum: m.Uint(7)}, nil
}

func parsePack(b []byte, index bool) (*PackEntry, error) {
	known := PackFields
	if index {
		known = indexFields
	}
	m, err := ParseFields(b, known)
	if err != nil {
		return nil, err
	}
	if err := FirstOf(m.nonzero(2, 11), m.Need(10, 12), m.checkNumbers(IndexKind)); err != nil {
		return nil, err
	}
	p := &PackEntry{index: index, Number: m.Uint(1), ID: ID(m.Bytes(2)), segments: m.Uint(9), Bays: m.Bytes(10),
		Root: HashOf(m.Bytes(11)), FirstPage: m.Uint(14), PageCount: m.Uint(15)}
	if m.Uint(7) != 1 {
		return nil, fmt.Errorf("%w: matrix %d", ErrVersion, m.Uint(7))
	}
	if p.Geometry, err = NewGeometry(m.Uint(4), m.Uint(5), m.Uint(6), m.Uint(8)); err != nil {
		return nil, err
	}
	if err := p.places(m); err != nil {
		return nil, err
	}
	if index {
		return p, p.checkIndex(m)
	}
	return p, p.checkSegments(m)
}

// places reads the shard → bay map, the pieces' hashes and the shards not written.
func (p *PackEntry) places(m Message) error {
	n := p.Geometry.Shards()
	if len(p.Bays) != n || len(m.Bytes(12)) != 32*n {
		return fmt.Errorf("%w: %d bays and %d bytes of piece hashes for %d shards", ErrMalformed, len(p.Bays), len(m.Bytes(12)), n)
	}
	var seen uint64
	for _, bay := range p.Bays {
		if bay >= MaxBays || seen>>bay&1 == 1 {
			return fmt.Errorf("%w: bay %d in the map", ErrMalformed, bay)
		}
		seen |= 1 << bay
	}
	for h := m.Bytes(12); len(h) > 0; h = h[32:] {
		p.Pieces = append(p.Pieces, [32]byte(h[:32]))
	}
	last := -1
	for _, j := range m.Bytes(13) {
		if int(j) <= last || int(j) >= n {
			return fmt.Errorf("%w: shard %d in the list of shards not written", ErrMalformed, j)
		}
		last = int(j)
		p.NotWritten |= 1 << j
	}
	if len(m.Bytes(13)) > p.Geometry.M {
		return fmt.Errorf("%w: %d shards not written, with %d of parity", ErrMalformed, len(m.Bytes(13)), p.Geometry.M)
	}
	return nil
}

func (p *PackEntry) checkSegments(m Message) error {
	if err := m.Need(3, 9); err != nil {
		return err
	}
	params := [10]byte{}
	binary.BigEndian.PutUint32(params[2:], SegmentSize)
	binary.BigEndian.PutUint32(params[6:], 32)
	if [10]byte(m.Bytes(3)) != params {
		return fmt.Errorf("%w: FLOE parameters", ErrVersion)
	}
	count, body := p.segments, uint64(p.Geometry.Body)
	if count > maxSegments || body < (count-1)*SegmentSize+SegmentOverhead || body > count*SegmentSize {
		return fmt.Errorf("%w: %d segments in %d bytes", ErrMalformed, count, body)
	}
	return nil
}

func (p *PackEntry) checkIndex(m Message) error {
	if err := m.Need(15, 16); err != nil {
		return err
	}
	if p.PageCount < 2 || p.PageCount > MaxPagesPerIndex {
		return fmt.Errorf("%w: %d pages in an index pack", ErrMalformed, p.PageCount)
	}
	if most := int64(p.PageCount) * Ceil4k(FloeHeaderSize+SegmentOverhead+maxPagePlain); p.Geometry.Body > most {
		return fmt.Errorf("%w: index pack of %d bytes in %d pages", ErrMalformed, p.Geometry.Body, p.PageCount)
	}
	return nil
}
