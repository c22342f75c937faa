package fsck

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

type entryKind uint8

const (
	startKind   entryKind = 1
	wrapKind    entryKind = 2
	eventKind   entryKind = 3
	packKind    entryKind = 4
	pageKind    entryKind = 5
	indexKind   entryKind = 6
	endKind     entryKind = 7
	receiptKind entryKind = 16
)

// logEntry is one parsed entry (format.md 5.2); the pointer of its kind is set.
type logEntry struct {
	kind  entryKind
	start *startEntry
	wrap  *wrapEntry
	event *eventEntry
	pack  *packEntry // pack and index
	page  *pageEntry
	end   *endEntry
}

type startEntry struct {
	identity
	jobSerial uint64
	jobSHA256 [32]byte
	bays      int
}

type wrapEntry struct {
	kind       uint64
	sha256     [32]byte
	keyIDs     []byte
	check      []byte
	generation uint64
}

type eventEntry struct {
	what string
	bay  int // −1: none is meant
}

// packEntry says all that is public about a pack or an index pack.
type packEntry struct {
	index      bool
	number     uint64
	id         id
	geometry   geometry
	segments   uint64
	bays       []byte // shard → bay
	root       tlog.Hash
	pieces     [][32]byte
	notWritten uint32 // bit j: shard j was not written before the commit
	firstPage  uint64
	pageCount  uint64
}

func (p *packEntry) noun() string {
	if p.index {
		return "index pack"
	}
	return "pack"
}

type pageEntry struct {
	number, index  uint64
	offset, length int64
	sha256         [32]byte
	root           tlog.Hash
	directory      bool
}

type endEntry struct {
	packs, pages, indexes            uint64
	firstPack, firstPage, firstIndex uint64
	bodySum                          uint64
}

var (
	startFields = schema{
		bytesField(1, 16, 16), bytesField(2, 16, 16), uintField(3), uintField(4),
		bytesField(5, 32, 32), uintField(6), timeField(7), uintField(8).optional(),
	}
	wrapFields  = schema{uintField(1), bytesField(2, 32, 32), hashesField(3, 64), bytesField(4, 16, 16), uintField(5)}
	eventFields = schema{timeField(1), bytesField(2, 1, 64), bytesField(3, 1, 1024).optional(), uintField(4).optional()}
	pageFields  = schema{
		uintField(1), uintField(2), uintField(3), uintField(4),
		bytesField(5, 32, 32), bytesField(6, 32, 32), uintField(7),
	}
	endFields = schema{
		uintField(1), uintField(2), uintField(3), uintField(4), uintField(5), uintField(6),
		uintField(7), bytesField(8, totalsBox, totalsBox),
	}
	sharedFields = schema{
		uintField(1), bytesField(2, 16, 16), uintField(4), uintField(5), uintField(6), uintField(7), uintField(8),
		bytesField(10, 1, maxShards), bytesField(11, 32, 32), hashesField(12, maxShards),
		bytesField(13, 1, maxShards).optional(),
	}
	packFields  = append(schema{bytesField(3, floeHeaderSize, floeHeaderSize), uintField(9)}, sharedFields...)
	indexFields = append(schema{uintField(14), uintField(15), bytesField(16, firstPathBox, firstPathBox)}, sharedFields...)
)

// numbers are the fields of an entry that no narrower limit bounds.
var numbers = map[entryKind][]uint32{
	startKind: {4, 8}, indexKind: {1, 14}, pageKind: {1, 2}, endKind: {1, 2, 3, 4, 5, 6, 7},
}

// checkNumbers holds them below 2^63: a reader computes with them.
func (m message) checkNumbers(kind entryKind) error {
	for _, n := range numbers[kind] {
		if m.uint(n) > 1<<63-1 {
			return fmt.Errorf("%w: field %d is %d", errMalformed, n, m.uint(n))
		}
	}
	return nil
}

func parseEntry(b []byte) (logEntry, error) {
	if len(b) > maxEntrySize {
		return logEntry{}, fmt.Errorf("%w: entry of %d bytes", errMalformed, len(b))
	}
	kind, body, err := versionKind(b)
	if err != nil {
		return logEntry{}, err
	}
	e := logEntry{kind: entryKind(kind)}
	switch e.kind {
	case startKind:
		e.start, err = parseStart(body)
	case wrapKind:
		e.wrap, err = parseWrapEntry(body)
	case eventKind:
		e.event, err = parseEvent(body)
	case packKind, indexKind:
		e.pack, err = parsePack(body, e.kind == indexKind)
	case pageKind:
		e.page, err = parsePage(body)
	case endKind:
		e.end, err = parseEnd(body)
	default:
		err = fmt.Errorf("%w: entry kind %d", ErrVersion, kind)
	}
	return e, err
}

// firstOf is the first error: a joined one would have two lines.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func parseStart(b []byte) (*startEntry, error) {
	m, err := parseFields(b, startFields)
	if err != nil {
		return nil, err
	}
	if err := firstOf(m.nonzero(1, 2, 5), m.need(3, 6), m.checkNumbers(startKind)); err != nil {
		return nil, err
	}
	if m.uint(6) > maxBays || m.uint(3) > maxGeneration {
		return nil, fmt.Errorf("%w: %d bays, generation %d", errMalformed, m.uint(6), m.uint(3))
	}
	s := &startEntry{jobSerial: m.uint(4), jobSHA256: [32]byte(m.bytes(5)), bays: int(m.uint(6))}
	s.job, s.device, s.generation = id(m.bytes(1)), id(m.bytes(2)), m.uint(3)
	return s, nil
}

func parseWrapEntry(b []byte) (*wrapEntry, error) {
	m, err := parseFields(b, wrapFields)
	if err != nil {
		return nil, err
	}
	if err := firstOf(m.nonzero(2, 4), m.need(1, 3, 5)); err != nil {
		return nil, err
	}
	if m.uint(5) > maxGeneration {
		return nil, fmt.Errorf("%w: wrap of generation %d", errMalformed, m.uint(5))
	}
	if kind := m.uint(1); kind != wrapHPKE && kind != wrapAge {
		return nil, fmt.Errorf("%w: wrap kind %d", ErrVersion, kind)
	}
	return &wrapEntry{kind: m.uint(1), sha256: [32]byte(m.bytes(2)), keyIDs: m.bytes(3),
		check: m.bytes(4), generation: m.uint(5)}, nil
}

var eventWords = map[string]bool{
	"load-started": true, "load-resumed": true, "disk-failed": true, "disk-rebuilt": true,
	"disk-absent": true, "pack-degraded": true, "note": true,
}

func parseEvent(b []byte) (*eventEntry, error) {
	m, err := parseFields(b, eventFields)
	if err != nil {
		return nil, err
	}
	if err := m.need(2); err != nil {
		return nil, err
	}
	if m.uint(4) > maxBays {
		return nil, fmt.Errorf("%w: event of bay %d", errMalformed, m.uint(4)-1)
	}
	e := &eventEntry{what: string(m.bytes(2)), bay: int(m.uint(4)) - 1}
	if !eventWords[e.what] {
		return nil, fmt.Errorf("%w: event %q", errMalformed, e.what)
	}
	return e, nil
}

func parsePage(b []byte) (*pageEntry, error) {
	m, err := parseFields(b, pageFields)
	if err != nil {
		return nil, err
	}
	if err := firstOf(m.nonzero(5, 6), m.need(4), m.checkNumbers(pageKind)); err != nil {
		return nil, err
	}
	offset, length, kind := m.uint(3), m.uint(4), m.uint(7)
	plain := int64(length) - floeHeaderSize - segmentOverhead
	switch {
	case offset > maxBody || offset%4096 != 0:
		return nil, fmt.Errorf("%w: page offset %d", errMalformed, offset)
	case length > maxBody || plain <= 0 || plain > maxPagePlain || plain%pageUnit != 0:
		return nil, fmt.Errorf("%w: page length %d", errMalformed, length)
	case kind > 1:
		return nil, fmt.Errorf("%w: page kind %d", ErrVersion, kind)
	}
	return &pageEntry{number: m.uint(1), index: m.uint(2), offset: int64(offset), length: int64(length),
		sha256: [32]byte(m.bytes(5)), root: hashOf(m.bytes(6)), directory: kind == 1}, nil
}

func parseEnd(b []byte) (*endEntry, error) {
	m, err := parseFields(b, endFields)
	if err != nil {
		return nil, err
	}
	if err := firstOf(m.need(8), m.checkNumbers(endKind)); err != nil {
		return nil, err
	}
	return &endEntry{packs: m.uint(1), pages: m.uint(2), indexes: m.uint(3),
		firstPack: m.uint(4), firstPage: m.uint(5), firstIndex: m.uint(6), bodySum: m.uint(7)}, nil
}

func parsePack(b []byte, index bool) (*packEntry, error) {
	known := packFields
	if index {
		known = indexFields
	}
	m, err := parseFields(b, known)
	if err != nil {
		return nil, err
	}
	if err := firstOf(m.nonzero(2, 11), m.need(10, 12), m.checkNumbers(indexKind)); err != nil {
		return nil, err
	}
	p := &packEntry{index: index, number: m.uint(1), id: id(m.bytes(2)), segments: m.uint(9), bays: m.bytes(10),
		root: hashOf(m.bytes(11)), firstPage: m.uint(14), pageCount: m.uint(15)}
	if m.uint(7) != 1 {
		return nil, fmt.Errorf("%w: matrix %d", ErrVersion, m.uint(7))
	}
	if p.geometry, err = newGeometry(m.uint(4), m.uint(5), m.uint(6), m.uint(8)); err != nil {
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
func (p *packEntry) places(m message) error {
	n := p.geometry.shards()
	if len(p.bays) != n || len(m.bytes(12)) != 32*n {
		return fmt.Errorf("%w: %d bays and %d bytes of piece hashes for %d shards", errMalformed, len(p.bays), len(m.bytes(12)), n)
	}
	var seen uint64
	for _, bay := range p.bays {
		if bay >= maxBays || seen>>bay&1 == 1 {
			return fmt.Errorf("%w: bay %d in the map", errMalformed, bay)
		}
		seen |= 1 << bay
	}
	for h := m.bytes(12); len(h) > 0; h = h[32:] {
		p.pieces = append(p.pieces, [32]byte(h[:32]))
	}
	last := -1
	for _, j := range m.bytes(13) {
		if int(j) <= last || int(j) >= n {
			return fmt.Errorf("%w: shard %d in the list of shards not written", errMalformed, j)
		}
		last = int(j)
		p.notWritten |= 1 << j
	}
	if len(m.bytes(13)) > p.geometry.m {
		return fmt.Errorf("%w: %d shards not written, with %d of parity", errMalformed, len(m.bytes(13)), p.geometry.m)
	}
	return nil
}

func (p *packEntry) checkSegments(m message) error {
	if err := m.need(3, 9); err != nil {
		return err
	}
	params := [10]byte{}
	binary.BigEndian.PutUint32(params[2:], segmentSize)
	binary.BigEndian.PutUint32(params[6:], 32)
	if [10]byte(m.bytes(3)) != params {
		return fmt.Errorf("%w: FLOE parameters", ErrVersion)
	}
	count, body := p.segments, uint64(p.geometry.body)
	if count > maxSegments || body < (count-1)*segmentSize+segmentOverhead || body > count*segmentSize {
		return fmt.Errorf("%w: %d segments in %d bytes", errMalformed, count, body)
	}
	return nil
}

func (p *packEntry) checkIndex(m message) error {
	if err := m.need(15, 16); err != nil {
		return err
	}
	if p.pageCount < 2 || p.pageCount > maxPagesPerIndex {
		return fmt.Errorf("%w: %d pages in an index pack", errMalformed, p.pageCount)
	}
	if most := int64(p.pageCount) * ceil4k(floeHeaderSize+segmentOverhead+maxPagePlain); p.geometry.body > most {
		return fmt.Errorf("%w: index pack of %d bytes in %d pages", errMalformed, p.geometry.body, p.pageCount)
	}
	return nil
}
