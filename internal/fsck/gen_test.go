package fsck

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc64"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/klauspost/reedsolomon"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/record"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

type enc []byte

func (e *enc) put(number int, critical bool, value []byte) {
	if len(value) == 0 {
		return
	}
	key := uint64(number) * 2
	if critical {
		key++
	}
	*e = binary.AppendUvarint(*e, key)
	*e = binary.AppendUvarint(*e, uint64(len(value)))
	*e = append(*e, value...)
}

func (e *enc) bytes(number int, value []byte) { e.put(number, true, value) }

func (e *enc) uint(number int, v uint64) {
	b := binary.BigEndian.AppendUint64(nil, v)
	e.put(number, true, bytes.TrimLeft(b, "\x00"))
}

func entryBytes(kind byte, e enc) []byte { return append([]byte{wire.FormatVersion, kind}, e...) }

// plan says what device to make.
type plan struct {
	seed        uint64
	k, m, disks int
	block       int
	bodies      []int
	records     int // per page; two pages of records, one directory
	events      int
	generation  uint64
	notWritten  []byte // shards of pack 0
	lyingCRC    bool   // parity 0 is stored wrong under a CRC that fits
	otherSums   bool   // the signed sums of parity 0 are not those of the parity
	badPadding  bool
	misnumber   bool
	unsealed    bool

	moreDisks     int    // in the job file than there are bays
	moreKeyIDs    bool   // a recipient in the job file for whom there is no wrap
	lyingPieces   bool   // signed pieces that are not the hash list's
	badPage       bool   // page 0's entry has another SHA-256
	hugePack      bool   // a pack in the log that is too long to be mended, and nowhere on the disks
	backwards     bool   // records of pages in descending order
	receiptsOther bool   // entries of another kind in the receipt log
	importOrigin  string // of the receipts' checkpoint, after the device's
	absent        []int  // bays that the seal statement calls absent
	ageFile       string // the recovery file\'s text; "" is no recovery
	rebuilt       []int  // bays of disk-rebuilt events
	noEnd, noWrap bool   // the log lacks the entry
	startOther    bool   // the start entry is of another generation
	startSerial   uint64 // what the start entry says more than the job file
	packTwice     bool   // two packs have one id
	strangeWrap   bool   // the wrap entry is to somebody whom the job file does not name
	denyNoParity  bool   // the job file has m = 1, though packs have 0
	orderedM      int    // parity that the job file orders; 0: what packs have
	dirtyGap      bool   // bytes between two pages are not zero
}

func smallPlan() plan {
	return plan{seed: 1, k: 2, m: 1, disks: 4, block: 4096, bodies: []int{100_000, 8192, 5000, 70_001}, records: 5, generation: 1}
}

type testPack struct {
	id        wire.ID
	index     bool
	body      []byte
	shards    [][]byte
	list      []byte
	pieces    [][]byte
	bays      []byte
	entry     []byte
	geometry  wire.Geometry
	firstPage uint64
	pages     int
}

type testRecord struct {
	raw, salt []byte
	page      uint64
	index     int
}

// testDevice is a device and all that was used to make it.
type testDevice struct {
	plan
	rng         *rand.Rand
	jobKey      ed25519.PrivateKey
	deviceKey   ed25519.PrivateKey
	importerKey ed25519.PrivateKey
	acceptorKey ed25519.PrivateKey
	who         wire.Identity
	job         []byte
	packs       []*testPack
	entries     [][]byte
	records     []testRecord
	pageEntries map[uint64][]byte
	pagePos     map[uint64]int64
	checkpoint  []byte
	wrapName    string
	fs          []fstest.MapFS
	named       byte // first byte of the names of further journals; 0: any
}

func newKey(rng *rand.Rand) ed25519.PrivateKey { return ed25519.NewKeyFromSeed(random(rng, 32)) }

func random(rng *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func makeDevice(t testing.TB, p plan) *testDevice {
	t.Helper()
	d := &testDevice{plan: p, rng: rand.New(rand.NewPCG(p.seed, 7)), pageEntries: map[uint64][]byte{}, pagePos: map[uint64]int64{}}
	d.jobKey, d.deviceKey, d.importerKey = newKey(d.rng), newKey(d.rng), newKey(d.rng)
	d.acceptorKey = newKey(rand.New(rand.NewPCG(p.seed, 8))) // its own dice: the bodies stay what they were
	d.who = wire.Identity{Job: wire.ID(random(d.rng, 16)), Device: wire.DeviceID(public(d.deviceKey)), Generation: p.generation}
	for range p.disks {
		d.fs = append(d.fs, fstest.MapFS{})
	}
	d.job = d.makeJob(t)
	for i, n := range p.bodies {
		d.addPack(t, i, random(d.rng, n))
	}
	d.common(t)
	if p.unsealed {
		d.journal()
		return d
	}
	d.seal(t)
	return d
}

func (d *testDevice) put(bay int, name string, b []byte) {
	d.fs[bay]["sledge/"+name] = &fstest.MapFile{Data: b, Mode: 0o644}
}

func (d *testDevice) putAll(name string, b []byte) {
	for i := range d.fs {
		d.put(i, name, bytes.Clone(b))
	}
}

func (d *testDevice) makeJob(t testing.TB) []byte {
	m := d.m
	if d.denyNoParity {
		m = 1
	}
	m = max(m, d.orderedM)
	return dsse(t, d.jobKey, inToto("job", "device/"+d.who.Device.String(), wire.Sha256Hex(wire.SpkiOf(public(d.deviceKey))), map[string]any{
		"version": 1, "critical": []string{}, "job": d.who.Job.String(), "serial": 1,
		"devices":    []any{map[string]any{"id": d.who.Device.String(), "public_key": spkiText(d.deviceKey)}},
		"geometry":   map[string]any{"k": d.k, "m": m, "block_size": d.block, "disks": d.disks + d.moreDisks, "allow_no_parity": d.m == 0 && !d.denyNoParity},
		"recipients": d.recipients(),
		"target":     map[string]any{"url": "s3://bucket/in", "profile": "generic"},
		"roles":      map[string]any{"importer": []string{spkiText(d.importerKey)}, "acceptor": []string{spkiText(d.acceptorKey)}},
		"signer":     spkiText(d.jobKey),
		"created":    "2026-01-01T00:00:00Z", "expires": "2027-01-01T00:00:00Z", "direction": "import", "site": "Example",
		"unlock": map[string]any{"verifier": make([]byte, 32), "kdf": map[string]any{"kind": "pbkdf2-hmac-sha256", "salt": make([]byte, 16), "iterations": 100_000}},
		"policy": map[string]any{"file_digest": "whole", "symlinks": "object", "directories": "object", "pack_size": 1 << 30, "pack_seconds": 30},
	}))
}

func (d *testDevice) recipients() (all []any) {
	keys := []string{siteKeyText}
	if d.moreKeyIDs {
		keys = append(keys, strings.Repeat("b", 1216))
	}
	for _, key := range keys {
		all = append(all, siteRecipient([]byte(key)))
	}
	if d.ageFile != "" {
		all = append(all, map[string]any{"kind": "age", "recipient": ageRecipient, "key_id": wire.Sha256Hex([]byte(ageRecipient))})
	}
	return all
}

const ageHead = "age-encryption.org/v1\n-> mlkem768x25519 a\nb\n"

const ageRecipient = "age1pq1nobody"

func siteRecipient(key []byte) map[string]any {
	return map[string]any{"kind": "hpke-mlkem768-x25519", "public_key": key, "key_id": wire.Sha256Hex(key)}
}

// siteKeyText has the length of a key, and opens nothing: the verifier has no key.
var siteKeyText = strings.Repeat("a", 1216)

func siteKeyID() []byte {
	sum := sha256.Sum256([]byte(siteKeyText))
	return sum[:]
}

// cut makes shards, hash list, pieces and the entry of a body.
func (d *testDevice) cut(t testing.TB, number int, p *testPack) {
	t.Helper()
	var err error
	p.id = wire.ID(random(d.rng, 16))
	if d.packTwice && number == 1 && !p.index {
		p.id = d.packs[0].id
	}
	if p.geometry, err = wire.NewGeometry(uint64(d.k), uint64(d.m), uint64(d.block), uint64(len(p.body))); err != nil {
		t.Fatal(err)
	}
	rs, err := reedsolomon.New(d.k, d.m)
	if err != nil {
		t.Fatal(err)
	}
	g := p.geometry
	p.shards = make([][]byte, g.Shards())
	padded := append(bytes.Clone(p.body), make([]byte, d.k*d.block)...)
	if d.badPadding {
		padded[len(p.body)+1] = 1
	}
	for s := range g.Stripes() {
		blocks := make([][]byte, g.Shards())
		length := int(g.BlockLen(s))
		for j := range blocks {
			blocks[j] = make([]byte, length)
			if j < d.k {
				copy(blocks[j], padded[int(s)*d.k*d.block+j*length:])
			}
		}
		if err := rs.Encode(blocks); err != nil {
			t.Fatal(err)
		}
		if d.lyingCRC {
			blocks[d.k][0] ^= 1
		}
		for j, b := range blocks {
			p.shards[j] = append(p.shards[j], b...)
			if j < d.k {
				sum := sha256.Sum256(b)
				p.list = append(p.list, sum[:]...)
			} else {
				sum := crc64.Checksum(b, wire.CrcTable)
				if d.otherSums && j == d.k {
					sum ^= 1
				}
				p.list = binary.BigEndian.AppendUint64(p.list, sum)
			}
		}
	}
	p.pieces = make([][]byte, g.Shards())
	for j := range p.pieces {
		p.pieces[j] = make([]byte, g.PieceLen())
		if j < d.k && j*int(g.PieceLen()) < len(p.list) {
			copy(p.pieces[j], p.list[j*int(g.PieceLen()):])
		}
		p.bays = append(p.bays, byte((number+j)%d.disks))
	}
	if d.lyingPieces {
		p.pieces[0][0] ^= 1
	}
	if err := rs.Encode(p.pieces); err != nil {
		t.Fatal(err)
	}
}

func (d *testDevice) entryOf(number int, p *testPack) []byte {
	g := p.geometry
	var hashes []byte
	for _, piece := range p.pieces {
		sum := sha256.Sum256(piece)
		hashes = append(hashes, sum[:]...)
	}
	var tree wire.TreeStack
	for i := 0; i < len(p.list); i += g.LineLen() {
		tree.Push(tlog.RecordHash(p.list[i:i+g.LineLen()]), 1)
	}
	root := tree.Root()
	var e enc
	e.uint(1, uint64(number))
	e.bytes(2, p.id[:])
	if !p.index {
		head := append([]byte{0, 0, 0, 16, 0, 0, 0, 0, 0, 32}, random(d.rng, 64)...)
		e.bytes(3, head)
	}
	e.uint(4, uint64(d.k))
	e.uint(5, uint64(d.m))
	e.uint(6, uint64(d.block))
	e.uint(7, 1)
	e.uint(8, uint64(len(p.body)))
	if !p.index {
		e.uint(9, uint64((len(p.body)+wire.SegmentSize-1)/wire.SegmentSize))
	}
	e.bytes(10, p.bays)
	e.bytes(11, root[:])
	e.bytes(12, hashes)
	if number == 0 && !p.index {
		e.put(13, false, d.notWritten)
	}
	if p.index {
		e.uint(14, p.firstPage)
		e.uint(15, uint64(p.pages))
		e.bytes(16, random(d.rng, wire.FirstPathBox))
		return entryBytes(byte(wire.IndexKind), e)
	}
	return entryBytes(byte(wire.PackKind), e)
}

func (d *testDevice) addPack(t testing.TB, number int, body []byte) {
	p := &testPack{body: body}
	d.cut(t, number, p)
	p.entry = d.entryOf(number, p)
	d.packs = append(d.packs, p)
	d.store(p, number == 0)
}

func (d *testDevice) store(p *testPack, first bool) {
	e := &wire.PackEntry{ID: p.id}
	for j, bay := range p.bays {
		if first && !p.index && bytes.IndexByte(d.notWritten, byte(j)) >= 0 {
			continue
		}
		d.put(int(bay), disk.ShardName(e, j), bytes.Clone(p.shards[j]))
		d.put(int(bay), disk.PieceName(e, j), bytes.Clone(p.pieces[j]))
		d.put(int(bay), disk.HashesName(e), bytes.Clone(p.list))
	}
}

func (d *testDevice) common(t testing.TB) {
	d.putAll("job.dsse", d.job)
	for bay := range d.fs {
		d.put(bay, "disk.header", d.header(bay, d.who))
	}
	var e enc
	e.bytes(1, d.who.Job[:])
	e.bytes(2, d.who.Device[:])
	e.uint(3, d.who.Generation)
	e.put(4, false, siteKeyID())
	e.bytes(5, random(d.rng, 1168))
	wrap := append([]byte{wire.FormatVersion, wire.WrapHPKE}, e...)
	d.wrapName = wire.Sha256Hex(wrap)
	d.putAll("wraps/"+d.wrapName+".wrap", wrap)
	if d.unsealed {
		d.putAll("wraps/unlock", d.unlockWrap())
	}
	if d.ageFile != "" {
		d.putAll("wraps/"+wire.Sha256Hex([]byte(d.ageFile))+".age", []byte(d.ageFile))
	}
}

// unlockWrap is the load key for the unlock code.
func (d *testDevice) unlockWrap() []byte {
	var e enc
	e.bytes(1, d.who.Job[:])
	e.bytes(2, d.who.Device[:])
	e.uint(3, d.who.Generation)
	e.bytes(5, make([]byte, 60))
	return append([]byte{wire.FormatVersion, wire.WrapUnlock}, e...)
}

func (d *testDevice) header(bay int, who wire.Identity) []byte {
	var e enc
	e.bytes(1, who.Job[:])
	e.bytes(2, who.Device[:])
	e.uint(3, who.Generation)
	e.uint(4, uint64(bay))
	e.bytes(5, random(d.rng, 16))
	e.uint(6, uint64(d.disks))
	b := append([]byte(wire.HeaderMagic), wire.FormatVersion)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
	b = append(b, e...)
	b = append(b, make([]byte, wire.HeaderSize-8-len(b))...)
	return binary.BigEndian.AppendUint64(b, crc64.Checksum(b, wire.CrcTable))
}

// makePages writes the index pack's body and the page entries.
func (d *testDevice) makePages(t testing.TB) (index *testPack, pages [][]byte) {
	index = &testPack{index: true, pages: 3}
	for n := range 3 {
		length := wire.FloeHeaderSize + wire.SegmentOverhead + wire.PageUnit
		cipher := random(d.rng, length)
		offset := int(wire.Ceil4k(int64(len(index.body))))
		index.body = append(index.body, make([]byte, offset-len(index.body))...)
		if d.dirtyGap && n > 0 {
			index.body[offset-1] = 1
		}
		index.body = append(index.body, cipher...)
		var tree wire.TreeStack
		for i := range d.plan.records {
			r := testRecord{raw: d.record(n, i), salt: random(d.rng, 32), page: uint64(n), index: i}
			if n < 2 {
				d.records = append(d.records, r)
			}
			c := wire.Commitment(r.salt, r.raw)
			tree.Push(tlog.RecordHash(c[:]), 1)
		}
		sum, root := sha256.Sum256(cipher), tree.Root()
		if d.badPage && n == 0 {
			sum[0] ^= 1
		}
		var e enc
		e.uint(1, uint64(n))
		e.uint(2, 0)
		e.uint(3, uint64(offset))
		e.uint(4, uint64(length))
		e.bytes(5, sum[:])
		e.bytes(6, root[:])
		if n == 2 {
			e.uint(7, 1)
		}
		pages = append(pages, entryBytes(byte(wire.PageKind), e))
	}
	d.cut(t, 1, index)
	index.entry = d.entryOf(0, index)
	d.packs = append(d.packs, index)
	d.store(index, false)
	return index, pages
}

var longContent = [3][]byte{
	bytes.Repeat([]byte{1}, record.PartUnit+1000), bytes.Repeat([]byte{2}, record.PartUnit+1000), bytes.Repeat([]byte{3}, record.PartUnit+1000),
}

// content is what file i of page n holds.
func (d *testDevice) content(n, i int) []byte {
	if i == 1 {
		return longContent[n]
	}
	return fmt.Appendf(nil, "content of %d/%d", n, i)
}

func (d *testDevice) record(n, i int) []byte {
	b := d.content(n, i)
	page := n
	if d.backwards {
		page = 9 - n
	}
	var e enc
	if n == 1 && i == 2 {
		e.uint(1, KindContinuation)
		e.bytes(2, []byte("dir/1-0001"))
		e.uint(24, 1)
		e.uint(25, record.PartsField)
		e.bytes(27, partItems(d.content(1, 1)))
		return e
	}
	e.uint(1, KindFile)
	e.bytes(2, fmt.Appendf(nil, "dir/%d-%04d", page, i))
	e.uint(3, uint64(len(b)))
	if i != 1 {
		sum := sha256.Sum256(b)
		e.put(11, false, sum[:])
		e.bytes(17, extentOf(b))
		if i == 0 { // the last good version: that changes no verdict, and needs no waiver
			e.put(35, false, []byte("unreadable"))
			e.put(36, false, []byte("input/output error"))
		}
		return e
	}
	var l enc
	items := partItems(b)
	l.uint(1, 2)
	e.uint(13, record.PartUnit)
	if n == 0 {
		l.put(3, false, items)
	} else {
		root := rootOfItems(items)
		l.put(2, false, root[:])
	}
	e.put(15, false, l)
	e.bytes(17, extentOf(b))
	return e
}

// extentOf is the list of the one extent that content has.
func extentOf(b []byte) []byte {
	var l, x enc
	x.uint(3, uint64(len(b)))
	l.uint(1, 1)
	l.put(3, false, append(binary.AppendUvarint(nil, uint64(len(x))), x...))
	return l
}

// partSums keeps the digests of the few long contents, by their only byte.
var partSums sync.Map

func partItems(b []byte) (items []byte) {
	if kept, ok := partSums.Load(b[0]); ok {
		return kept.([]byte)
	}
	for _, part := range [][]byte{b[:record.PartUnit], b[record.PartUnit:]} {
		sum := sha256.Sum256(part)
		items = append(binary.AppendUvarint(items, 32), sum[:]...)
	}
	partSums.Store(b[0], items)
	return items
}

func rootOfItems(items []byte) tlog.Hash {
	var tree wire.TreeStack
	_ = wire.EachItem(items, func(item []byte) error { tree.Push(tlog.RecordHash(item), 1); return nil })
	return tree.Root()
}

// eachField takes a message apart that enc has made.
func eachField(b []byte, fn func(number int, critical bool, value []byte)) error {
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		size, m := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || m <= 0 || int(size) > len(b)-n-m {
			return wire.ErrMalformed
		}
		b = b[n+m:]
		fn(int(key/2), key&1 == 1, b[:size])
		b = b[size:]
	}
	return nil
}

func (d *testDevice) options() Options {
	o := Options{Trust: &Trust{Key: public(d.jobKey)}, Workers: 2}
	if !d.unsealed {
		o.Label = d.label()
	}
	for i, f := range d.fs {
		o.Disks = append(o.Disks, Disk{Name: fmt.Sprintf("d%d", i), FS: f})
	}
	return o
}

func crcOf(b []byte) uint64 { return crc64.Checksum(b, wire.CrcTable) }
