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
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/log"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

func dsse(t testing.TB, key ed25519.PrivateKey, statement any) []byte {
	t.Helper()
	payload, err := json.Marshal(statement)
	if err != nil {
		t.Fatal(err)
	}
	pae := fmt.Sprintf("DSSEv1 %d %s %d %s", len(wire.PayloadType), wire.PayloadType, len(payload), payload)
	out, err := json.Marshal(map[string]any{
		"payloadType": wire.PayloadType, "payload": base64.StdEncoding.EncodeToString(payload),
		"signatures": []any{map[string]any{"keyid": wire.Sha256Hex(wire.SpkiOf(public(key))), "sig": base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(pae)))}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func inToto(kind, subject, sum string, predicate map[string]any) map[string]any {
	return map[string]any{"_type": wire.StatementType, "predicateType": wire.PredicateBase + kind + "/v1", "predicate": predicate,
		"subject": []any{map[string]any{"name": subject, "digest": map[string]any{"sha256": sum}}}}
}

func spkiText(k ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(wire.SpkiOf(public(k)))
}

func (d *testDevice) seal(t testing.TB) {
	var start, wrap, end enc
	sum := sha256.Sum256(d.job)
	start.bytes(1, d.who.Job[:])
	start.bytes(2, d.who.Device[:])
	generation := d.who.Generation
	if d.startOther {
		generation++
	}
	start.uint(3, generation)
	start.uint(4, 1+d.startSerial)
	start.bytes(5, sum[:])
	start.uint(6, uint64(d.disks))
	d.entries = append(d.entries, entryBytes(1, start))
	wrapSum, _ := hex.DecodeString(d.wrapName)
	wrap.uint(1, wire.WrapHPKE)
	wrap.bytes(2, wrapSum)
	keyID := siteKeyID()
	if d.strangeWrap {
		keyID[0] ^= 1
	}
	wrap.bytes(3, keyID)
	check := random(d.rng, 16)
	wrap.bytes(4, check)
	wrap.uint(5, d.who.Generation)
	if !d.noWrap {
		d.entries = append(d.entries, entryBytes(2, wrap))
	}
	if d.ageFile != "" {
		file, recipient := sha256.Sum256([]byte(d.ageFile)), sha256.Sum256([]byte(ageRecipient))
		var e enc
		e.uint(1, wire.WrapAge)
		e.bytes(2, file[:])
		e.bytes(3, recipient[:])
		e.bytes(4, check)
		e.uint(5, d.who.Generation)
		d.entries = append(d.entries, entryBytes(2, e))
	}
	for i := range d.events {
		var e enc
		e.bytes(2, []byte("note"))
		e.put(3, false, fmt.Appendf(nil, "event %d", i))
		d.entries = append(d.entries, entryBytes(3, e))
	}
	for _, bay := range d.rebuilt {
		var e enc
		e.bytes(2, []byte("disk-rebuilt"))
		e.put(4, false, []byte{byte(bay + 1)})
		d.entries = append(d.entries, entryBytes(3, e))
	}
	for _, bay := range d.absent {
		var e enc
		e.bytes(2, []byte("disk-absent"))
		e.put(4, false, []byte{byte(bay + 1)})
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
	end.bytes(8, random(d.rng, wire.TotalsBox))
	if !d.noEnd {
		d.entries = append(d.entries, entryBytes(7, end))
	}
	d.writeLog(t)
}

// hugeEntry is the entry of a pack whose hash list is over what is mended in memory.
func (d *testDevice) hugeEntry(t testing.TB, number int) (entry []byte, body int) {
	g := d.packs[0].geometry
	body = (64<<20/g.LineLen() + 1) * d.k * d.block
	huge := &testPack{id: wire.ID(random(d.rng, 16)), body: make([]byte, 1), bays: d.packs[0].bays, pieces: d.packs[0].pieces, list: d.packs[0].list, geometry: g}
	small := d.entryOf(number, huge)
	var e enc
	err := eachField(small[2:], func(n int, critical bool, value []byte) {
		switch n {
		case 8:
			e.uint(n, uint64(body))
		case 9:
			e.uint(n, uint64((body+wire.SegmentSize-1)/wire.SegmentSize))
		default:
			e.put(n, critical, value)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return entryBytes(byte(wire.PackKind), e), body
}

func (d *testDevice) origin() string {
	return fmt.Sprintf("sledge/%s/%s/%d", d.who.Job, d.who.Device, d.who.Generation)
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
	root := wire.RootOver(log.LeafHashes(d.entries))
	degraded := 0
	if len(d.notWritten) > 0 {
		degraded = 1
	}
	p := map[string]any{
		"version": 1, "critical": []string{}, "job": d.who.Job.String(), "device": d.who.Device.String(), "generation": d.who.Generation,
		"job_serial": 1, "job_sha256": wire.Sha256Hex(d.job), "log_size": len(d.entries), "log_root": base64.StdEncoding.EncodeToString(root[:]),
		"disks": d.disks, "absent_bays": append([]int{}, d.absent...), "degraded_packs": degraded,
	}
	maps.Copy(p, more)
	return dsse(t, d.deviceKey, inToto("seal", "checkpoint", wire.Sha256Hex(d.checkpoint), p))
}

// logFiles lays a log out as tiles, level by level.
func logFiles(entries [][]byte) (map[string][]byte, tlog.Hash) {
	files := map[string][]byte{}
	hashes := log.LeafHashes(entries)
	root := wire.RootOver(hashes)
	for n := 0; n*log.TileWidth < len(entries); n++ {
		part := entries[n*log.TileWidth : min(len(entries), (n+1)*log.TileWidth)]
		var b []byte
		for _, e := range part {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(e))), e...)
		}
		files[log.TilePath("entries", int64(n), len(part))] = b
	}
	for level := 0; len(hashes) > 0; level++ {
		var above []tlog.Hash
		for n := 0; n*log.TileWidth < len(hashes); n++ {
			part := hashes[n*log.TileWidth : min(len(hashes), (n+1)*log.TileWidth)]
			var b []byte
			for _, h := range part {
				b = append(b, h[:]...)
			}
			files[log.TilePath(log.KindOf(level), int64(n), len(part))] = b
			if len(part) == log.TileWidth {
				above = append(above, wire.RootOver(part))
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
	name, b := d.journalText(1)
	for _, p := range d.packs {
		b = append(b, d.packFrame(p)...)
		b = append(b, frame(nil, random(d.rng, 50))...)
	}
	for bay := range d.m + 1 {
		d.put(bay, name, bytes.Clone(b))
	}
}

// frameHead begins a frame of a journal (format.md 9).
const frameHead = "SLFR"

func frame(clear, encrypted []byte) []byte {
	head := []byte(frameHead)
	head = binary.BigEndian.AppendUint32(head, uint32(len(clear)))
	head = binary.BigEndian.AppendUint32(head, uint32(len(encrypted)))
	all := bytes.Join([][]byte{head, clear, encrypted}, nil)
	head = binary.BigEndian.AppendUint64(head, crc64.Checksum(all, wire.CrcTable))
	return bytes.Join([][]byte{head, clear, encrypted}, nil)
}

func (d *testDevice) label() []byte {
	return fmt.Appendf(nil, "sledge label 1\njob %s\ndevice %s\ngeneration %d\ndisks %d\njob-serial 1\njob-sha256 %s\n\n%s",
		d.who.Job, d.who.Device, d.who.Generation, d.disks, wire.Sha256Hex(d.job), d.checkpoint)
}
