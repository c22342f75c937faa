package fsck

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/proof"
	"github.com/sledge-io/sledge/internal/fsck/record"
	"github.com/sledge-io/sledge/internal/fsck/wire"
	"github.com/sledge-io/sledge/internal/importreport"
	"github.com/sledge-io/sledge/manifest"
)

func only(b []byte) [][]byte { return [][]byte{b} }

// text is so many bytes of a letter.
func text(n uint64) []byte { return bytes.Repeat([]byte{'a'}, int(n)) }

func limitCases(t *testing.T) map[string]limitCase {
	all := map[string]limitCase{}
	for _, some := range []map[string]limitCase{entryLimits(), recordLimits(), listLimitCases(), fileLimits(t), jobLimits(t)} {
		maps.Copy(all, some)
	}
	return all
}

func verifierEntry(b []byte) error { _, err := wire.ParseEntry(b); return err }
func readerEntry(b []byte) error   { _, err := manifest.DecodeEntry(b); return err }

// startOf is a start entry with three of its numbers.
func startOf(generation, serial, bays uint64) []byte {
	var e enc
	e.bytes(1, text(16))
	e.bytes(2, text(16))
	e.uint(3, generation)
	e.uint(4, serial)
	e.bytes(5, text(32))
	e.uint(6, bays)
	return entryBytes(byte(wire.StartKind), e)
}

// packShape is what the limits of packs are about.
type packShape struct {
	number, k, m, block, body, segments, firstPage, pages uint64
}

func (p packShape) entry() []byte {
	kind := wire.PackKind
	var e enc
	e.uint(1, p.number)
	e.bytes(2, text(16))
	if p.pages > 0 {
		kind = wire.IndexKind
	} else {
		e.bytes(3, append([]byte{0, 0, 0, 16, 0, 0, 0, 0, 0, 32}, make([]byte, 64)...))
	}
	e.uint(4, p.k)
	e.uint(5, p.m)
	e.uint(6, p.block)
	e.uint(7, 1)
	e.uint(8, p.body)
	e.uint(9, p.segments)
	bays := make([]byte, p.k+p.m)
	for i := range bays {
		bays[i] = byte(i)
	}
	e.bytes(10, bays)
	e.bytes(11, text(32))
	e.bytes(12, text(32*(p.k+p.m)))
	e.uint(14, p.firstPage)
	e.uint(15, p.pages)
	if p.pages > 0 {
		e.bytes(16, text(wire.FirstPathBox))
	}
	return entryBytes(byte(kind), e)
}

func pageOfLength(number, index, length uint64) []byte {
	var e enc
	e.uint(1, number)
	e.uint(2, index)
	e.uint(4, length)
	e.bytes(5, text(32))
	e.bytes(6, text(32))
	return entryBytes(byte(wire.PageKind), e)
}

// numbered are entries that have a number in each place that takes one.
func numbered(n uint64) [][]byte {
	small := packShape{k: 2, m: 1, block: 4096, body: 5000, segments: 1}
	index := small
	index.segments, index.pages = 0, 2
	pack := small
	pack.number = n
	index2 := index
	index.number, index2.firstPage = n, n
	all := [][]byte{startOf(1, n, 3), pack.entry(), index.entry(), index2.entry(), pageOfLength(n, 0, 65536+106), pageOfLength(0, n, 65536+106)}
	for field := 1; field <= 7; field++ {
		var e enc
		e.uint(field, n)
		e.bytes(8, text(wire.TotalsBox))
		all = append(all, entryBytes(byte(wire.EndKind), e))
	}
	return all
}

// entryLimits are those of the log's entries.
func entryLimits() map[string]limitCase {
	one := func(make func(n uint64) []byte) limitCase {
		return limitCase{make: func(_ *testing.T, n uint64) [][]byte { return only(make(n)) }, verifier: verifierEntry, reader: readerEntry}
	}
	pack := packShape{k: 2, m: 1, block: 4096, body: 5000, segments: 1}
	index := packShape{k: 2, m: 1, block: 4096, body: 5000, pages: 2}
	all := map[string]limitCase{
		"bytes of an entry":      one(func(n uint64) []byte { return sized(startOf(1, 1, 3), int(n)) }),
		"a generation":           one(func(n uint64) []byte { return startOf(n, 1, 3) }),
		"bays of a device":       one(func(n uint64) []byte { return startOf(1, 1, n) }),
		"segments of a pack":     one(func(n uint64) []byte { p := pack; p.segments, p.body = n, n<<20; return p.entry() }),
		"pages of an index pack": one(func(n uint64) []byte { p := index; p.pages = n; return p.entry() }),
		"bytes of a pack's body": one(func(n uint64) []byte {
			p := pack
			if p.body, p.segments = n, (n+1<<20-1)>>20; n < wire.SegmentOverhead {
				p.segments, p.pages = 0, 2
			}
			return p.entry()
		}),
		"bytes of an index pack's body, for each of its pages": one(func(n uint64) []byte { p := index; p.body = n * p.pages; return p.entry() }),
		"bytes of an event's text": one(func(n uint64) []byte {
			var e enc
			e.bytes(2, []byte("note"))
			e.put(3, false, text(n))
			return entryBytes(byte(wire.EventKind), e)
		}),
	}
	shards := one(func(n uint64) []byte { p := pack; p.k, p.m = n, 0; return p.entry() })
	make := shards.make
	shards.make = func(t *testing.T, n uint64) [][]byte {
		p := pack
		if p.k, p.m = 1, n-1; n < 2 {
			return make(t, n)
		}
		return append(make(t, n), p.entry())
	}
	all["shards of a pack, k + m"] = shards
	block := one(func(n uint64) []byte { p := pack; p.block = n; return p.entry() })
	block.beyond, block.below = func(n uint64) uint64 { return 2 * n }, func(n uint64) uint64 { return n / 2 }
	all["bytes of a block, a power of two"] = block
	page := one(func(n uint64) []byte { return pageOfLength(0, 0, n+wire.FloeHeaderSize+wire.SegmentOverhead) })
	page.beyond, page.below = func(n uint64) uint64 { return n + wire.PageUnit }, func(n uint64) uint64 { return n - wire.PageUnit }
	all["bytes of a page, padding included"] = page
	all["a number, count or position of an entry"] = limitCase{make: func(_ *testing.T, n uint64) [][]byte { return numbered(n) }, verifier: verifierEntry, reader: readerEntry}
	return all
}

func verifierRecord(b []byte) error { _, err := ParseRecord(b); return err }

// readerRecord takes a record that may announce lists, and a continuation record.
func readerRecord(b []byte) error {
	kind, _, _, err := manifest.PeekRecord(b)
	if err == nil && kind == manifest.KindContinuation {
		_, err = manifest.PeekHead(b)
		return err
	}
	var j manifest.Joiner
	_, err = j.Add(b)
	return err
}

// recordHead begins a record.
func recordHead(kind uint64, path []byte, size uint64) (e enc) {
	e.uint(1, kind)
	e.bytes(2, path)
	e.uint(3, size)
	return e
}

func recordLimits() map[string]limitCase {
	one := func(make func(n uint64) []byte) limitCase {
		return limitCase{make: func(_ *testing.T, n uint64) [][]byte { return only(make(n)) }, verifier: verifierRecord, reader: readerRecord}
	}
	all := map[string]limitCase{
		"bytes of a record": one(func(n uint64) []byte { return sized(recordHead(KindDirectory, text(3), 0), int(n)) }),
		"bytes of a path":   one(func(n uint64) []byte { return recordHead(KindDirectory, text(n), 0) }),
		"bytes of a symlink's target": one(func(n uint64) []byte {
			e := recordHead(KindSymlink, text(3), n)
			e.bytes(19, text(n))
			return e
		}),
		"bytes of a hard link's first name": one(func(n uint64) []byte {
			e := recordHead(KindHardLink, text(3), 0)
			e.put(record.WholeDigest, false, text(32))
			e.put(20, false, []byte{1})
			e.bytes(21, text(n))
			return e
		}),
	}
	all["bytes of an attribute's name"] = one(func(n uint64) []byte {
		return listRecord(record.Attributes, 1, append(binary.AppendUvarint(nil, n), text(n+1)...))
	})
	all["bytes of a reason code"] = one(func(n uint64) []byte {
		e := recordHead(KindSkipped, text(3), 0)
		e.bytes(22, text(n))
		return e
	})
	all["an owner's or a group's number"] = limitCase{make: func(_ *testing.T, n uint64) (list [][]byte) {
		for _, field := range []int{5, 6} {
			e := recordHead(KindDirectory, text(3), 0)
			e.put(field, false, bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, n), "\x00"))
			list = append(list, e)
		}
		return list
	}, verifier: verifierRecord, reader: readerRecord}
	return all
}

// announcedList is a record of a list whose items follow, and of a size that fits.
func announcedList(field int, count uint64) []byte {
	var l enc
	l.uint(1, count)
	l.put(2, false, text(32))
	size := uint64(0)
	if field == record.PartsField {
		size = count * record.PartUnit
	}
	e := recordHead(KindFile, text(3), size)
	e.put(record.WholeDigest, false, text(32))
	if field == record.PartsField {
		e.uint(13, record.PartUnit)
	}
	e.put(field, field == record.Extents, l)
	return e
}

// continuedBy is a continuation record.
func continuedBy(number uint64, field, first int, items ...[]byte) []byte {
	var list []byte
	for _, it := range items {
		list = append(binary.AppendUvarint(list, uint64(len(it))), it...)
	}
	e := recordHead(KindContinuation, text(3), 0)
	e.uint(24, number)
	e.uint(25, uint64(field))
	e.uint(26, uint64(first))
	e.bytes(27, list)
	return e
}

// attributeChain is an entry with attributes of so many bytes, its records as a list.
func attributeChain(n uint64) (chain []byte) {
	var items [][]byte
	for at := 0; n > 0; at++ {
		size := min(n, 50_000)
		if rest := n - size; rest > 0 && rest < 20 {
			size -= 20
		}
		name := fmt.Appendf(nil, "%06d", at)
		items = append(items, append(append([]byte{6}, name...), make([]byte, size-7)...))
		n -= size
	}
	var l enc
	l.uint(1, uint64(len(items)))
	var tree wire.TreeStack
	for _, it := range items {
		tree.Push(tlog.RecordHash(it), 1)
	}
	root := tree.Root()
	l.put(2, false, root[:])
	e := recordHead(KindFile, text(3), 0)
	e.put(record.WholeDigest, false, text(32))
	e.put(record.Attributes, false, l)
	add := func(record []byte) {
		chain = append(binary.AppendUvarint(chain, uint64(len(record))), record...)
	}
	add(e)
	for i, it := range items {
		add(continuedBy(uint64(i+1), record.Attributes, i, it))
	}
	return chain
}

func listLimitCases() map[string]limitCase {
	one := func(make func(n uint64) []byte) limitCase {
		return limitCase{make: func(_ *testing.T, n uint64) [][]byte { return only(make(n)) }, verifier: verifierRecord, reader: readerRecord}
	}
	announce := func(field int) limitCase { return one(func(n uint64) []byte { return announcedList(field, n) }) }
	extent := func(offset, length, at uint64, hole bool) []byte {
		var e enc
		e.uint(2, offset)
		e.uint(3, length)
		e.uint(5, at)
		if hole {
			e.uint(8, 1)
		}
		return e
	}
	chain := one(attributeChain)
	chain.verifier = func(chain []byte) error {
		var count record.AttributeCount
		return wire.EachItem(chain, func(record []byte) error {
			r, err := ParseRecord(record)
			if err == nil {
				err = count.Add(r)
			}
			return err
		})
	}
	chain.reader = func(chain []byte) error {
		var j manifest.Joiner
		err := wire.EachItem(chain, func(record []byte) error { _, err := j.Add(record); return err })
		if err == nil && j.Pending() {
			err = errors.New("not whole")
		}
		return err
	}
	return map[string]limitCase{
		"part digests of an entry": announce(record.PartsField),
		"unit CRCs of an entry":    announce(record.UnitSums),
		"extents of an entry":      announce(record.Extents),
		"bytes of an item of a record's list": one(func(n uint64) []byte {
			return listRecord(record.Attributes, 1, append([]byte{1}, text(n-1)...))
		}),
		"bytes of an entry's attributes, counted over their items": chain,
		"continuation records of an entry":                         one(func(n uint64) []byte { return continuedBy(n, record.UnitSums, 0, text(8)) }),
		"the end of an extent in its content":                      one(func(n uint64) []byte { return continuedBy(1, record.Extents, 0, extent(n-5, 5, 0, true)) }),
		"the end of an extent in its pack, if it is no hole":       one(func(n uint64) []byte { return continuedBy(1, record.Extents, 0, extent(0, 5, n-5, false)) }),
	}
}

// oneLine reads a list of one line as the verifier of receipts does.
func verifierLine(b []byte) error {
	c := &receiptCheck{lines: bufio.NewReader(bytes.NewReader(b))}
	line, err := c.readLine()
	if err == nil {
		_, err = parseObjectLine(line)
	}
	return err
}

func readerLine(b []byte) error {
	return importreport.Entries(context.Background(), bytes.NewReader(b), func(*importreport.Entry) error { return nil })
}

// lineWith is a line of objects.list with a key and further names, in so many bytes if
// size is not 0.
func lineWith(t *testing.T, size int, more map[string]any) []byte {
	line := map[string]any{"page": 0, "index": 0, "record": []byte(recordHead(KindDirectory, text(3), 0)), "record_salt": make([]byte, 32), "outcome": "failed"}
	maps.Copy(line, more)
	for {
		raw, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		out := fmt.Appendf(nil, "%s %s\n", strings.Repeat("0a", 32), raw)
		if size == 0 || len(out) == size {
			return out
		}
		have, _ := line["detail"].(string)
		line["detail"] = strings.Repeat("x", max(1, len(have)+size-len(out)))
	}
}

// padded is JSON with spaces behind it.
func padded(b []byte, size uint64) []byte {
	return append(bytes.Clone(b), bytes.Repeat([]byte{' '}, int(size)-len(b))...)
}

// noteOf is a signed checkpoint with further signature lines, and in so many bytes.
func noteOf(t *testing.T, d *testDevice, lines, size uint64) []byte {
	if lines == 0 {
		return append(bytes.Split(d.checkpoint, []byte("\n—"))[0], '\n')
	}
	var stranger strings.Builder
	sig := base64.StdEncoding.EncodeToString(make([]byte, 4+64))
	for i := uint64(1); i < lines; i++ {
		fmt.Fprintf(&stranger, "— stranger%d %s\n", i, sig)
	}
	note := append(bytes.Clone(d.checkpoint), stranger.String()...)
	if size > 0 {
		rest := int(size) - len(note) - len("—  "+sig+"\n")
		note = append(note, "— "+strings.Repeat("n", rest)+" "+sig+"\n"...)
	}
	return note
}

func fileLimits(t *testing.T) map[string]limitCase {
	d := makeDevice(t, smallPlan())
	deviceKey, jobKey := public(d.deviceKey), public(d.jobKey)
	small := func(most int64, then func(b []byte) error) func(b []byte) error {
		return func(b []byte) error {
			raw, err := disk.ReadSmall(fstest.MapFS{"x": {Data: b}}, "x", most)
			if err == nil {
				err = then(raw)
			}
			return err
		}
	}
	checkpoint := limitCase{
		verifier: func(b []byte) error {
			c, err := wire.ParseCheckpoint(b)
			if err == nil {
				err = c.Verify(deviceKey)
			}
			return err
		},
		reader: func(b []byte) error { _, err := manifest.OpenCheckpoint(b, d.origin(), deviceKey); return err },
	}
	with := func(c limitCase, make func(t *testing.T, n uint64) []byte) limitCase {
		c.make = func(t *testing.T, n uint64) [][]byte { return only(make(t, n)) }
		return c
	}
	envelope := limitCase{
		verifier: small(wire.MaxStatementSize, func(b []byte) error {
			e, err := wire.ParseEnvelope(b)
			if err == nil {
				err = e.Verify(jobKey)
			}
			if err == nil {
				_, err = e.Statement(wire.JobPredicate)
			}
			return err
		}),
		reader: func(b []byte) error {
			var any struct{ Version int }
			_, _, err := manifest.OpenStatement(b, manifest.PredicateJob, &any, jobKey)
			return err
		},
	}
	wrap := limitCase{
		verifier: func(b []byte) error { _, _, _, err := wire.ParseWrap(b); return err },
		reader:   func(b []byte) error { _, err := manifest.DecodeWrap(b); return err },
	}
	label := limitCase{
		verifier: func(b []byte) error { _, err := wire.ParseLabel(b); return err },
		reader:   func(b []byte) error { _, err := manifest.ParseLabel(b); return err },
	}
	line := limitCase{verifier: verifierLine, reader: readerLine}
	proofs := limitCase{
		verifier: proof.Parse,
		reader:   func(b []byte) error { _, err := manifest.ParseProof(b); return err },
	}
	return map[string]limitCase{
		"entries of a log": with(checkpoint, func(t *testing.T, n uint64) []byte {
			return signNote(t, d.deviceKey, d.origin(), int(n), tlog.Hash{1})
		}),
		"bytes of a checkpoint":           with(checkpoint, func(t *testing.T, n uint64) []byte { return noteOf(t, d, 1, n) }),
		"signature lines of a checkpoint": with(checkpoint, func(t *testing.T, n uint64) []byte { return noteOf(t, d, n, 0) }),
		"bytes of a label": with(label, func(t *testing.T, n uint64) []byte {
			head := len(d.label()) - len(d.checkpoint)
			return append(d.label()[:head], noteOf(t, d, 1, n-uint64(head))...)
		}),
		"bytes of a job file": with(limitCase{
			verifier: func(b []byte) error { _, err := wire.OpenJob(b, &Trust{Key: jobKey}); return err },
			reader:   func(b []byte) error { _, err := manifest.OpenJob(b, jobKey); return err },
		}, func(t *testing.T, n uint64) []byte { return padded(d.job, n) }),
		"bytes of another statement": with(envelope, func(t *testing.T, n uint64) []byte { return padded(d.job, n) }),
		"signatures of an envelope":  with(envelope, func(t *testing.T, n uint64) []byte { return envelopeOf(t, d, int(n)) }),
		"objects and lists of a statement's JSON within one another": {
			verifier: envelope.verifier, reader: envelope.reader,
			make: func(t *testing.T, n uint64) [][]byte { return nestedStatements(t, d, int(n)) },
		},
		"bytes of a wrap file, also one of age": with(wrap, func(t *testing.T, n uint64) []byte {
			w := manifest.Wrap{Kind: manifest.WrapHPKE, Scope: manifest.Scope{Job: manifest.ID{1}, Device: manifest.ID{2}, Generation: 3}, Body: make([]byte, 40)}
			return sized(w.Encode(), int(n))
		}),
		"bytes of a key in objects.list": with(line, func(t *testing.T, n uint64) []byte {
			return lineWith(t, 0, map[string]any{"key": strings.Repeat("k", int(n)), "outcome": "stored", "size": 0,
				"proof": "store sha256", "verified": "2026-01-01T00:00:00Z", "sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="})
		}),
		"bytes of a line of objects.list, its end included": with(line, func(t *testing.T, n uint64) []byte { return lineWith(t, int(n), nil) }),
		"index, size, parts or part_size of such a line": {verifier: verifierLine, reader: func(b []byte) error { _, err := receipt.ParseLine(b); return err },
			make: func(t *testing.T, n uint64) (all [][]byte) {
				for _, name := range []string{"index", "size", "parts", "part_size"} {
					all = append(all, lineWith(t, 0, map[string]any{name: n}))
				}
				return all
			}},
		"bytes of a proof":                    with(proofs, func(t *testing.T, n uint64) []byte { return proofOf(t, d, int(n), 0) }),
		"hashes of a proof's path in the log": with(proofs, func(t *testing.T, n uint64) []byte { return proofOf(t, d, 0, int(n)) }),
		"records of a page":                   with(proofs, func(t *testing.T, n uint64) []byte { return proofAmong(t, d, n) }),
	}
}

// envelopeOf is the job file's with further signatures.
func envelopeOf(t *testing.T, d *testDevice, n int) []byte {
	var e map[string]any
	if err := json.Unmarshal(d.job, &e); err != nil {
		t.Fatal(err)
	}
	sigs := e["signatures"].([]any)
	var all []any
	for range n - 1 {
		all = append(all, map[string]any{"sig": "AAAA"})
	}
	if n > 0 {
		all = append(all, sigs[0])
	}
	e["signatures"] = all
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// nestedStatements have a list in a list, as deep as n: in the envelope, beside the
// predicate and in it.
func nestedStatements(t *testing.T, d *testDevice, n int) (all [][]byte) {
	nest := func(n int) json.RawMessage { return json.RawMessage(strings.Repeat("[", n) + strings.Repeat("]", n)) }
	s := predicateOf(t, d.job)
	s["later"] = nest(n - 1)
	all = append(all, dsse(t, d.jobKey, s))
	delete(s, "later")
	s["predicate"].(map[string]any)["later"] = nest(n - 2)
	all = append(all, dsse(t, d.jobKey, s))
	var e map[string]any
	if err := json.Unmarshal(d.job, &e); err != nil {
		t.Fatal(err)
	}
	e["later"] = nest(n - 1)
	raw, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return append(all, raw)
}

// proofOf is a proof in so many bytes, or with so many hashes of the path in the log.
func proofOf(t *testing.T, d *testDevice, size, hashes int) []byte {
	raw := d.proof(0)
	if hashes > 0 {
		head, rest, _ := bytes.Cut(raw, []byte("\n\n"))
		lines := bytes.SplitN(head, []byte("\n"), 4)[:3]
		lines = append(lines, slices.Repeat([][]byte{[]byte(tlog.Hash{1}.String())}, hashes)...)
		return slices.Concat(bytes.Join(lines, []byte("\n")), []byte("\n\n"), rest)
	}
	if size == 0 {
		return raw
	}
	// An unknown field of the extra line, and then the checkpoint's stranger, fill it up.
	head, rest, _ := bytes.Cut(raw, []byte("\nindex "))
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(head), proofHead+"extra "))
	if err != nil {
		t.Fatal(err)
	}
	sig := "— " + "n" + " " + base64.StdEncoding.EncodeToString(make([]byte, 68)) + "\n"
	more := enc(extra)
	more.put(500, false, make([]byte, (size-len(raw)-len(sig)-200)/4*3))
	out := fmt.Appendf(nil, "%sextra %s\nindex %s", proofHead, base64.StdEncoding.EncodeToString(more), rest)
	name := strings.Repeat("n", 1+size-len(out)-len(sig))
	return append(out, strings.Replace(sig, "n ", name+" ", 1)...)
}

// proofAmong says that its record is one of n.
func proofAmong(t *testing.T, d *testDevice, n uint64) []byte {
	raw := d.proof(0)
	head, rest, _ := bytes.Cut(raw, []byte("\nindex "))
	extra, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(head), proofHead+"extra "))
	if err != nil {
		t.Fatal(err)
	}
	var e enc
	if err := eachField(extra[1:], func(number int, critical bool, value []byte) {
		switch number {
		case 4:
		case 5:
			e.uint(5, n)
		default:
			e.put(number, critical, value)
		}
	}); err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, "%sextra %s\nindex %s", proofHead, base64.StdEncoding.EncodeToString(append([]byte{wire.FormatVersion}, e...)), rest)
}

// jobLimits are those of a job file.
func jobLimits(t *testing.T) map[string]limitCase {
	d := makeDevice(t, smallPlan().changed(func(p *plan) { p.ageFile = ageHead }))
	key := d.jobKey.Public().(ed25519.PublicKey)
	job := func(change func(p map[string]any, n uint64)) limitCase {
		return limitCase{
			make: func(t *testing.T, n uint64) [][]byte {
				all := predicateOf(t, d.job)
				p := all["predicate"].(map[string]any)
				change(p, n)
				subjects := []any{}
				for _, v := range p["devices"].([]any) {
					o := v.(map[string]any)
					raw, _ := base64.StdEncoding.DecodeString(o["public_key"].(string))
					subjects = append(subjects, map[string]any{"name": "device/" + o["id"].(string), "digest": map[string]any{"sha256": wire.Sha256Hex(raw)}})
				}
				all["subject"] = subjects
				return only(dsse(t, d.jobKey, all))
			},
			verifier: func(b []byte) error { _, err := wire.OpenJob(b, &Trust{Key: key}); return err },
			reader:   func(b []byte) error { _, err := manifest.OpenJob(b, key); return err },
		}
	}
	set := func(name string, where ...string) limitCase {
		return job(func(p map[string]any, n uint64) {
			for _, w := range where {
				p = p[w].(map[string]any)
			}
			p[name] = n
		})
	}
	argon := func(name string) limitCase {
		return job(func(p map[string]any, n uint64) {
			kdf := map[string]any{"kind": "argon2id", "salt": make([]byte, 16), "time": 3, "memory_kib": 65536, "threads": 2}
			kdf[name] = n
			p["unlock"].(map[string]any)["kdf"] = kdf
		})
	}
	siteKeys := func(n uint64) (all []any) {
		for i := range n {
			all = append(all, siteRecipient(append(binary.BigEndian.AppendUint64(nil, i), make([]byte, 1208)...)))
		}
		return all
	}
	return map[string]limitCase{
		"serial": set("serial"),
		"devices": job(func(p map[string]any, n uint64) {
			devices := []any{}
			for i := range n {
				k := ed25519.NewKeyFromSeed(append(binary.BigEndian.AppendUint64(nil, i), make([]byte, 24)...))
				devices = append(devices, map[string]any{"id": wire.DeviceID(public(k)).String(), "public_key": spkiText(k)})
			}
			p["devices"] = devices
		}),
		"recipients": job(func(p map[string]any, n uint64) { p["recipients"] = siteKeys(n) }),
		"recipients of HPKE": job(func(p map[string]any, n uint64) {
			list := []any{}
			for _, r := range p["recipients"].([]any) {
				if r.(map[string]any)["kind"] == "age" {
					list = append(list, r)
				}
			}
			if n == 16 {
				list = nil // at the limit nobody else has a place
			}
			p["recipients"] = append(list, siteKeys(n)...)
		}),
		"bytes of an HPKE recipient's public_key": job(func(p map[string]any, n uint64) { p["recipients"] = []any{siteRecipient(make([]byte, n))} }),
		"keys of a role": job(func(p map[string]any, n uint64) {
			roles := p["roles"].(map[string]any)
			for name, keys := range roles {
				roles[name] = slices.Repeat(keys.([]any)[:1], int(n))
			}
		}),
		"disks": set("disks", "geometry"),
		"bytes of the salt": job(func(p map[string]any, n uint64) {
			p["unlock"].(map[string]any)["kdf"].(map[string]any)["salt"] = make([]byte, n)
		}),
		"time": argon("time"), "memory_kib": argon("memory_kib"), "threads": argon("threads"),
		"iterations": job(func(p map[string]any, n uint64) {
			p["unlock"].(map[string]any)["kdf"] = map[string]any{"kind": "pbkdf2-hmac-sha256", "salt": make([]byte, 16), "iterations": n}
		}),
		"pack_size": set("pack_size", "policy"), "pack_seconds": set("pack_seconds", "policy"),
	}
}
