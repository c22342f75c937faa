package fsck

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc64"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/klauspost/reedsolomon"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// This file writes a tiny device as docs/format.md says, with random bytes for
// everything that only the key could tell from ciphertext.

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

func entryBytes(kind byte, e enc) []byte { return append([]byte{formatVersion, kind}, e...) }

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
	noEnd, noWrap bool   // the log lacks the entry
	startOther    bool   // the start entry is of another generation
	startSerial   uint64 // what the start entry says more than the job file
	denyNoParity  bool   // the job file has m = 1, though packs have 0
	dirtyGap      bool   // bytes between two pages are not zero
}

func smallPlan() plan {
	return plan{seed: 1, k: 2, m: 1, disks: 4, block: 4096, bodies: []int{100_000, 8192, 5000, 70_001}, records: 5, generation: 1}
}

type testPack struct {
	id        id
	index     bool
	body      []byte
	shards    [][]byte
	list      []byte
	pieces    [][]byte
	bays      []byte
	entry     []byte
	geometry  geometry
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
	who         identity
	job         []byte
	packs       []*testPack
	entries     [][]byte
	records     []testRecord
	pageEntries map[uint64][]byte
	pagePos     map[uint64]int64
	checkpoint  []byte
	wrapName    string
	fs          []fstest.MapFS
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
	d.who = identity{id(random(d.rng, 16)), deviceID(public(d.deviceKey)), p.generation}
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

func dsse(t testing.TB, key ed25519.PrivateKey, statement any) []byte {
	t.Helper()
	payload, err := json.Marshal(statement)
	if err != nil {
		t.Fatal(err)
	}
	pae := fmt.Sprintf("DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
	out, err := json.Marshal(map[string]any{
		"payloadType": payloadType, "payload": base64.StdEncoding.EncodeToString(payload),
		"signatures": []any{map[string]any{"keyid": sha256Hex(spkiOf(public(key))), "sig": base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(pae)))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func inToto(kind, subject, sum string, predicate map[string]any) map[string]any {
	return map[string]any{"_type": statementType, "predicateType": predicateBase + kind + "/v1", "predicate": predicate,
		"subject": []any{map[string]any{"name": subject, "digest": map[string]any{"sha256": sum}}}}
}

func spkiText(k ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(spkiOf(public(k)))
}

func (d *testDevice) makeJob(t testing.TB) []byte {
	m := d.m
	if d.denyNoParity {
		m = 1
	}
	return dsse(t, d.jobKey, inToto("job", "device/"+d.who.device.String(), sha256Hex(spkiOf(public(d.deviceKey))), map[string]any{
		"version": 1, "critical": []string{}, "job": d.who.job.String(), "serial": 1,
		"devices":    []any{map[string]any{"id": d.who.device.String(), "public_key": spkiText(d.deviceKey)}},
		"geometry":   map[string]any{"k": d.k, "m": m, "block_size": d.block, "disks": d.disks + d.moreDisks, "allow_no_parity": d.m == 0 && !d.denyNoParity},
		"recipients": d.recipients(),
		"roles":      map[string]any{"importer": []string{spkiText(d.importerKey)}, "acceptor": []string{spkiText(d.acceptorKey)}},
		"signer":     spkiText(d.jobKey),
	}))
}

func (d *testDevice) recipients() (all []any) {
	ids := []string{"ab"}
	if d.moreKeyIDs {
		ids = append(ids, "cd")
	}
	for _, id := range ids {
		all = append(all, map[string]any{"kind": "hpke-mlkem768-x25519", "key_id": strings.Repeat(id, 32)})
	}
	return all
}

// cut makes shards, hash list, pieces and the entry of a body.
func (d *testDevice) cut(t testing.TB, number int, p *testPack) {
	t.Helper()
	var err error
	p.id = id(random(d.rng, 16))
	if p.geometry, err = newGeometry(uint64(d.k), uint64(d.m), uint64(d.block), uint64(len(p.body))); err != nil {
		t.Fatal(err)
	}
	rs, err := reedsolomon.New(d.k, d.m)
	if err != nil {
		t.Fatal(err)
	}
	g := p.geometry
	p.shards = make([][]byte, g.shards())
	padded := append(bytes.Clone(p.body), make([]byte, d.k*d.block)...)
	if d.badPadding {
		padded[len(p.body)+1] = 1
	}
	for s := range g.stripes() {
		blocks := make([][]byte, g.shards())
		length := int(g.blockLen(s))
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
				p.list = binary.BigEndian.AppendUint64(p.list, crc64.Checksum(b, crcTable))
			}
		}
	}
	p.pieces = make([][]byte, g.shards())
	for j := range p.pieces {
		p.pieces[j] = make([]byte, g.pieceLen())
		if j < d.k && j*int(g.pieceLen()) < len(p.list) {
			copy(p.pieces[j], p.list[j*int(g.pieceLen()):])
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
	var tree treeStack
	for i := 0; i < len(p.list); i += g.lineLen() {
		tree.push(tlog.RecordHash(p.list[i:i+g.lineLen()]), 1)
	}
	root := tree.root()
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
		e.uint(9, uint64((len(p.body)+segmentSize-1)/segmentSize))
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
		e.bytes(16, random(d.rng, firstPathBox))
		return entryBytes(byte(indexKind), e)
	}
	return entryBytes(byte(packKind), e)
}

func (d *testDevice) addPack(t testing.TB, number int, body []byte) {
	p := &testPack{body: body}
	d.cut(t, number, p)
	p.entry = d.entryOf(number, p)
	d.packs = append(d.packs, p)
	d.store(p, number == 0)
}

func (d *testDevice) store(p *testPack, first bool) {
	e := &packEntry{id: p.id}
	for j, bay := range p.bays {
		if first && !p.index && bytes.IndexByte(d.notWritten, byte(j)) >= 0 {
			continue
		}
		d.put(int(bay), shardName(e, j), bytes.Clone(p.shards[j]))
		d.put(int(bay), pieceName(e, j), bytes.Clone(p.pieces[j]))
		d.put(int(bay), hashesName(e), bytes.Clone(p.list))
	}
}

func (d *testDevice) common(t testing.TB) {
	d.putAll("job.dsse", d.job)
	for bay := range d.fs {
		d.put(bay, "disk.header", d.header(bay, d.who))
	}
	var e enc
	e.bytes(1, d.who.job[:])
	e.bytes(2, d.who.device[:])
	e.uint(3, d.who.generation)
	e.put(4, false, bytes.Repeat([]byte{0xab}, 32))
	e.bytes(5, random(d.rng, 1168))
	wrap := append([]byte{formatVersion, wrapHPKE}, e...)
	d.wrapName = sha256Hex(wrap)
	d.putAll("wraps/"+d.wrapName+".wrap", wrap)
}

func (d *testDevice) header(bay int, who identity) []byte {
	var e enc
	e.bytes(1, who.job[:])
	e.bytes(2, who.device[:])
	e.uint(3, who.generation)
	e.uint(4, uint64(bay))
	e.bytes(5, random(d.rng, 16))
	e.uint(6, uint64(d.disks))
	b := append([]byte(headerMagic), formatVersion)
	b = binary.BigEndian.AppendUint16(b, uint16(len(e)))
	b = append(b, e...)
	b = append(b, make([]byte, headerSize-8-len(b))...)
	return binary.BigEndian.AppendUint64(b, crc64.Checksum(b, crcTable))
}

// makePages writes the index pack's body and the page entries.
func (d *testDevice) makePages(t testing.TB) (index *testPack, pages [][]byte) {
	index = &testPack{index: true, pages: 3}
	for n := range 3 {
		length := floeHeaderSize + segmentOverhead + pageUnit
		cipher := random(d.rng, length)
		offset := int(ceil4k(int64(len(index.body))))
		index.body = append(index.body, make([]byte, offset-len(index.body))...)
		if d.dirtyGap && n > 0 {
			index.body[offset-1] = 1
		}
		index.body = append(index.body, cipher...)
		var tree treeStack
		for i := range d.plan.records {
			r := testRecord{raw: d.record(n, i), salt: random(d.rng, 32), page: uint64(n), index: i}
			if n < 2 {
				d.records = append(d.records, r)
			}
			c := commitment(r.salt, r.raw)
			tree.push(tlog.RecordHash(c[:]), 1)
		}
		sum, root := sha256.Sum256(cipher), tree.root()
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
		pages = append(pages, entryBytes(byte(pageKind), e))
	}
	d.cut(t, 1, index)
	index.entry = d.entryOf(0, index)
	d.packs = append(d.packs, index)
	d.store(index, false)
	return index, pages
}

var longContent = [3][]byte{
	bytes.Repeat([]byte{1}, partUnit+1000), bytes.Repeat([]byte{2}, partUnit+1000), bytes.Repeat([]byte{3}, partUnit+1000),
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
		e.uint(25, partsField)
		e.bytes(27, partItems(d.content(1, 1)))
		return e
	}
	e.uint(1, KindFile)
	e.bytes(2, fmt.Appendf(nil, "dir/%d-%04d", page, i))
	e.uint(3, uint64(len(b)))
	if i != 1 {
		sum := sha256.Sum256(b)
		e.put(11, false, sum[:])
		return e
	}
	var l enc
	items := partItems(b)
	l.uint(1, 2)
	e.uint(13, partUnit)
	if n == 0 {
		l.put(3, false, items)
	} else {
		root := rootOfItems(items)
		l.put(2, false, root[:])
	}
	e.put(15, false, l)
	return e
}

// partSums keeps the digests of the few long contents, by their only byte.
var partSums sync.Map

func partItems(b []byte) (items []byte) {
	if kept, ok := partSums.Load(b[0]); ok {
		return kept.([]byte)
	}
	for _, part := range [][]byte{b[:partUnit], b[partUnit:]} {
		sum := sha256.Sum256(part)
		items = append(binary.AppendUvarint(items, 32), sum[:]...)
	}
	partSums.Store(b[0], items)
	return items
}

func rootOfItems(items []byte) tlog.Hash {
	var tree treeStack
	_ = eachItem(items, func(item []byte) error { tree.push(tlog.RecordHash(item), 1); return nil })
	return tree.root()
}

func (d *testDevice) seal(t testing.TB) {
	var start, wrap, end enc
	sum := sha256.Sum256(d.job)
	start.bytes(1, d.who.job[:])
	start.bytes(2, d.who.device[:])
	generation := d.who.generation
	if d.startOther {
		generation++
	}
	start.uint(3, generation)
	start.uint(4, 1+d.startSerial)
	start.bytes(5, sum[:])
	start.uint(6, uint64(d.disks))
	d.entries = append(d.entries, entryBytes(1, start))
	wrapSum, _ := hex.DecodeString(d.wrapName)
	wrap.uint(1, wrapHPKE)
	wrap.bytes(2, wrapSum)
	wrap.bytes(3, bytes.Repeat([]byte{0xab}, 32))
	wrap.bytes(4, random(d.rng, 16))
	wrap.uint(5, d.who.generation)
	if !d.noWrap {
		d.entries = append(d.entries, entryBytes(2, wrap))
	}
	for i := range d.events {
		var e enc
		e.bytes(2, []byte("note"))
		e.put(3, false, fmt.Appendf(nil, "event %d", i))
		d.entries = append(d.entries, entryBytes(3, e))
	}
	firstPack, total := len(d.entries), 0
	for _, p := range d.packs {
		d.entries = append(d.entries, p.entry)
		total += len(p.body)
	}
	packs := len(d.packs)
	if d.hugePack {
		entry, body := d.hugeEntry(t, packs)
		d.entries = append(d.entries, entry)
		total, packs = total+body, packs+1
	}
	firstPage, pageCount, indexCount := len(d.entries), 0, 0
	if d.plan.records > 0 {
		index, pages := d.makePages(t)
		for n, e := range pages {
			d.pageEntries[uint64(n)], d.pagePos[uint64(n)] = e, int64(len(d.entries))
			d.entries = append(d.entries, e)
		}
		pageCount, indexCount = len(pages), 1
		d.entries = append(d.entries, index.entry)
	}
	end.uint(1, uint64(packs))
	end.uint(2, uint64(pageCount))
	end.uint(3, uint64(indexCount))
	end.uint(4, uint64(firstPack))
	end.uint(5, uint64(firstPage))
	end.uint(6, uint64(firstPage+pageCount))
	if d.misnumber {
		total++
	}
	end.uint(7, uint64(total))
	end.bytes(8, random(d.rng, totalsBox))
	if !d.noEnd {
		d.entries = append(d.entries, entryBytes(7, end))
	}
	d.writeLog(t)
}

// hugeEntry is the entry of a pack whose hash list is over what is mended in memory.
func (d *testDevice) hugeEntry(t testing.TB, number int) (entry []byte, body int) {
	g := d.packs[0].geometry
	body = (maxMendSize/g.lineLen() + 1) * d.k * d.block
	huge := &testPack{id: id(random(d.rng, 16)), body: make([]byte, 1), bays: d.packs[0].bays, pieces: d.packs[0].pieces, list: d.packs[0].list, geometry: g}
	small := d.entryOf(number, huge)
	var e enc
	err := eachField(small[2:], func(n int, critical bool, value []byte) {
		switch n {
		case 8:
			e.uint(n, uint64(body))
		case 9:
			e.uint(n, uint64((body+segmentSize-1)/segmentSize))
		default:
			e.put(n, critical, value)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return entryBytes(byte(packKind), e), body
}

// eachField takes a message apart that enc has made.
func eachField(b []byte, fn func(number int, critical bool, value []byte)) error {
	for len(b) > 0 {
		key, n := binary.Uvarint(b)
		size, m := binary.Uvarint(b[max(n, 0):])
		if n <= 0 || m <= 0 || int(size) > len(b)-n-m {
			return errMalformed
		}
		b = b[n+m:]
		fn(int(key/2), key&1 == 1, b[:size])
		b = b[size:]
	}
	return nil
}

func (d *testDevice) origin() string {
	return fmt.Sprintf("sledge/%s/%s/%d", d.who.job, d.who.device, d.who.generation)
}

func (d *testDevice) writeLog(t testing.TB) {
	files, root := logFiles(d.entries)
	for name, b := range files {
		d.putAll(name, b)
	}
	d.checkpoint = signNote(t, d.deviceKey, d.origin(), len(d.entries), root)
	d.putAll("log/checkpoint", d.checkpoint)
	d.putAll("statements/seal.dsse", d.sealStatement(t, nil))
}

// sealStatement is the seal statement with further names.
func (d *testDevice) sealStatement(t testing.TB, more map[string]any) []byte {
	root := rootOver(leafHashes(d.entries))
	p := map[string]any{
		"version": 1, "critical": []string{}, "job": d.who.job.String(), "device": d.who.device.String(), "generation": d.who.generation,
		"job_serial": 1, "job_sha256": sha256Hex(d.job), "log_size": len(d.entries), "log_root": base64.StdEncoding.EncodeToString(root[:]),
		"disks": d.disks, "absent_bays": append([]int{}, d.absent...), "degraded_packs": 0,
	}
	maps.Copy(p, more)
	return dsse(t, d.deviceKey, inToto("seal", "checkpoint", sha256Hex(d.checkpoint), p))
}

// logFiles lays a log out as tiles, level by level.
func logFiles(entries [][]byte) (map[string][]byte, tlog.Hash) {
	files := map[string][]byte{}
	hashes := leafHashes(entries)
	root := rootOver(hashes)
	for n := 0; n*tileWidth < len(entries); n++ {
		part := entries[n*tileWidth : min(len(entries), (n+1)*tileWidth)]
		var b []byte
		for _, e := range part {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(e))), e...)
		}
		files[tilePath("entries", int64(n), len(part))] = b
	}
	for level := 0; len(hashes) > 0; level++ {
		var above []tlog.Hash
		for n := 0; n*tileWidth < len(hashes); n++ {
			part := hashes[n*tileWidth : min(len(hashes), (n+1)*tileWidth)]
			var b []byte
			for _, h := range part {
				b = append(b, h[:]...)
			}
			files[tilePath(kindOf(level), int64(n), len(part))] = b
			if len(part) == tileWidth {
				above = append(above, rootOver(part))
			}
		}
		hashes = above
	}
	return files, root
}

func signNote(t testing.TB, key ed25519.PrivateKey, origin string, size int, root tlog.Hash) []byte {
	t.Helper()
	signer, err := note.NewSigner(signerKey(t, origin, key))
	if err != nil {
		t.Fatal(err)
	}
	b, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", origin, size, root)}, signer)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func signerKey(t testing.TB, name string, key ed25519.PrivateKey) string {
	t.Helper()
	vkey, err := note.NewEd25519VerifierKey(name, public(key))
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.SplitN(vkey, "+", 3)
	return "PRIVATE+KEY+" + name + "+" + parts[1] + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, key.Seed()...))
}

// journal writes the packs' commits to the first m+1 disks.
func (d *testDevice) journal() {
	file := id(random(d.rng, 16))
	b := append([]byte(journalMagic), formatVersion, journalKind)
	b = append(b, file[:]...)
	b = binary.BigEndian.AppendUint64(b, 1)
	b = binary.BigEndian.AppendUint64(b, crc64.Checksum(b, crcTable))
	for _, p := range d.packs {
		msg := bytes.Join([][]byte{[]byte("sledge/1 pack entry\x00"), d.who.job[:], d.who.device[:],
			binary.BigEndian.AppendUint32(nil, uint32(d.who.generation)), p.entry}, nil)
		clear := append(binary.AppendUvarint(nil, uint64(len(p.entry))), p.entry...)
		clear = append(append(clear, 64), ed25519.Sign(d.deviceKey, msg)...)
		b = append(b, frame(clear, random(d.rng, 100))...)
		b = append(b, frame(nil, random(d.rng, 50))...)
	}
	for bay := range d.m + 1 {
		d.put(bay, "journal/"+file.String()+".journal", bytes.Clone(b))
	}
}

func frame(clear, encrypted []byte) []byte {
	head := []byte(frameMagic)
	head = binary.BigEndian.AppendUint32(head, uint32(len(clear)))
	head = binary.BigEndian.AppendUint32(head, uint32(len(encrypted)))
	all := bytes.Join([][]byte{head, clear, encrypted}, nil)
	head = binary.BigEndian.AppendUint64(head, crc64.Checksum(all, crcTable))
	return bytes.Join([][]byte{head, clear, encrypted}, nil)
}

func (d *testDevice) label() []byte {
	return fmt.Appendf(nil, "sledge label 1\njob %s\ndevice %s\ngeneration %d\ndisks %d\njob-serial 1\njob-sha256 %s\n\n%s",
		d.who.job, d.who.device, d.who.generation, d.disks, sha256Hex(d.job), d.checkpoint)
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

func crcOf(b []byte) uint64 { return crc64.Checksum(b, crcTable) }
