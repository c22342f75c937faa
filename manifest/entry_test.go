package manifest

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/fields"
)

func testPack() *Pack {
	return &Pack{Number: 4, ID: ID{1, 2}, Header: append([]byte(floeParams), bytes.Repeat([]byte{7}, 64)...), Geometry: Geometry{K: 2, M: 1, BlockSize: 4096}, BodySize: 1<<20 + 33, Segments: 2,
		Bays: []byte{2, 0, 63}, Root: [32]byte{1}, Pieces: [][32]byte{{1}, {2}, {3}}, Lost: []byte{1}}
}

func testIndex() *Pack {
	p := testPack()
	p.Header, p.Segments, p.Lost = nil, 0, nil
	p.FirstPage, p.Pages, p.FirstPath = 12, 1024, bytes.Repeat([]byte{8}, FirstPathBox)
	return p
}

func testPage() *PageEntry {
	return &PageEntry{Number: 8, IndexPack: 1, Offset: 8192, Length: PageStep + pageOverhead, SHA256: [32]byte{1}, Root: [32]byte{2}}
}

// encoder is what every entry has.
type encoder interface{ Encode() ([]byte, error) }

// testEntries is one entry of every kind, and more than one where they differ.
func testEntries(t testing.TB) map[string]encoder {
	dir := testPage()
	dir.Directory = true
	plain := testPack()
	plain.Number, plain.Lost, plain.Geometry.M, plain.Bays, plain.Pieces = 0, nil, 0, []byte{1, 0}, plain.Pieces[:2]
	return map[string]encoder{
		"start":        &Start{Scope: testScope(t), JobSerial: 1, JobSHA256: [32]byte{3}, Bays: 64, Unlocked: testTime},
		"start, old":   &Start{Scope: testScope(t), JobSHA256: [32]byte{3}, Bays: 1},
		"wrap":         &WrapEntry{Kind: WrapHPKE, SHA256: [32]byte{4}, Recipients: [][32]byte{{5}}, Check: [16]byte{6}, Generation: 1},
		"wrap, age":    &WrapEntry{Kind: WrapAge, SHA256: [32]byte{4}, Recipients: [][32]byte{{5}, {6}}, Check: [16]byte{6}, Generation: 1<<32 - 1},
		"event":        &Event{Time: testTime, What: "note", Text: strings.Repeat("t", 1024), Bay: 63},
		"event, short": &Event{What: "note", Bay: -1},
		"pack":         testPack(),
		"pack, plain":  plain,
		"index":        testIndex(),
		"page":         testPage(),
		"directory":    dir,
		"end":          &End{Packs: 1, Pages: 2, IndexPacks: 3, FirstPack: 4, FirstPage: 5, FirstIndex: 6, BodySize: 7, Totals: make([]byte, TotalsBox)},
		"end, empty":   &End{Totals: make([]byte, TotalsBox)},
	}
}

// inner is the entry's one pointer.
func inner(e Entry) (found encoder) {
	v := reflect.ValueOf(e)
	for i := range v.NumField() {
		if !v.Field(i).IsNil() {
			if found != nil {
				return nil
			}
			found = v.Field(i).Interface().(encoder)
		}
	}
	return found
}

func TestEntryRoundTrip(t *testing.T) {
	for name, e := range testEntries(t) {
		b, err := e.Encode()
		if err != nil || len(b) > MaxEntry {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
			continue
		}
		got, err := DecodeEntry(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(inner(got), e) {
			t.Errorf("%s: read back as %+v", name, inner(got))
		}
		for n := 2; n < len(b); n++ {
			if g, err := DecodeEntry(b[:n]); err == nil {
				if again, err := inner(g).Encode(); err != nil || !bytes.Equal(again, b[:n]) {
					t.Errorf("%s: cut to %d bytes it reads as another entry", name, n)
				}
			}
		}
	}
	// The event's text is cut, not refused.
	b, err := (&Event{What: "note", Text: strings.Repeat("t", 5000), Bay: -1}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if e, err := DecodeEntry(b); err != nil || len(e.Event.Text) != 1024 {
		t.Errorf("long event: %v", err)
	}
	if _, err := (&WrapEntry{Recipients: make([][32]byte, 130)}).Encode(); err == nil {
		t.Error("an entry over 4,096 bytes was encoded")
	}
}

func TestEntryRefused(t *testing.T) {
	pack := func(f func(*Pack)) encoder { p := testPack(); f(p); return p }
	index := func(f func(*Pack)) encoder { p := testIndex(); f(p); return p }
	page := func(f func(*PageEntry)) encoder { p := testPage(); f(p); return p }
	scope := testScope(t)
	for name, e := range map[string]encoder{
		"start without a job":         &Start{Scope: Scope{Device: scope.Device, Generation: 1}, JobSHA256: [32]byte{3}, Bays: 3},
		"start without a device":      &Start{Scope: Scope{Job: scope.Job, Generation: 1}, JobSHA256: [32]byte{3}, Bays: 3},
		"start without a generation":  &Start{Scope: Scope{Job: scope.Job, Device: scope.Device}, JobSHA256: [32]byte{3}, Bays: 3},
		"start without a job hash":    &Start{Scope: scope, Bays: 3},
		"start without bays":          &Start{Scope: scope, JobSHA256: [32]byte{3}},
		"start with 65 bays":          &Start{Scope: scope, JobSHA256: [32]byte{3}, Bays: 65},
		"wrap to the code":            &WrapEntry{Kind: WrapUnlock, SHA256: [32]byte{4}, Recipients: [][32]byte{{5}}, Check: [16]byte{6}, Generation: 1},
		"wrap of kind 4":              &WrapEntry{Kind: 4, SHA256: [32]byte{4}, Recipients: [][32]byte{{5}}, Check: [16]byte{6}, Generation: 1},
		"wrap without a hash":         &WrapEntry{Kind: WrapHPKE, Recipients: [][32]byte{{5}}, Check: [16]byte{6}, Generation: 1},
		"wrap without recipients":     &WrapEntry{Kind: WrapHPKE, SHA256: [32]byte{4}, Check: [16]byte{6}, Generation: 1},
		"wrap without a check":        &WrapEntry{Kind: WrapHPKE, SHA256: [32]byte{4}, Recipients: [][32]byte{{5}}, Generation: 1},
		"wrap without a generation":   &WrapEntry{Kind: WrapHPKE, SHA256: [32]byte{4}, Recipients: [][32]byte{{5}}, Check: [16]byte{6}},
		"event without words":         &Event{Bay: -1},
		"an unknown event":            &Event{What: "noted", Bay: -1},
		"header of other parameters":  pack(func(p *Pack) { p.Header[3] ^= 1 }),
		"number of 2^63":              pack(func(p *Pack) { p.Number = 1 << 63 }),
		"index longer than its pages": index(func(p *Pack) { p.BodySize = int64(p.Pages)*987_136 + 1 }),
		"event in bay 64":             &Event{What: "note", Bay: 64},
		"pack without an id":          pack(func(p *Pack) { p.ID = ID{} }),
		"pack without a header":       pack(func(p *Pack) { p.Header = nil }),
		"pack with a short header":    pack(func(p *Pack) { p.Header = p.Header[:73] }),
		"pack without k":              pack(func(p *Pack) { p.Geometry.K = 0 }),
		"pack of 33 shards":           pack(func(p *Pack) { p.Geometry.K = 32 }),
		"block size 2048":             pack(func(p *Pack) { p.Geometry.BlockSize = 2048 }),
		"block size 12288":            pack(func(p *Pack) { p.Geometry.BlockSize = 12288 }),
		"block size 32 MiB":           pack(func(p *Pack) { p.Geometry.BlockSize = 32 << 20 }),
		"pack without a body":         pack(func(p *Pack) { p.BodySize, p.Segments = 0, 1 }),
		"body over the limit":         pack(func(p *Pack) { p.BodySize, p.Segments = MaxBody+1, 1<<20+1 }),
		"a segment too few":           pack(func(p *Pack) { p.Segments = 1 }),
		"a segment too many":          pack(func(p *Pack) { p.Segments = 3 }),
		"last segment too short":      pack(func(p *Pack) { p.BodySize = 1<<20 + 31 }),
		"shard map too short":         pack(func(p *Pack) { p.Bays = p.Bays[:2] }),
		"shard map with a bay twice":  pack(func(p *Pack) { p.Bays[1] = 2 }),
		"shard map with bay 64":       pack(func(p *Pack) { p.Bays[1] = 64 }),
		"pack without a root":         pack(func(p *Pack) { p.Root = [32]byte{} }),
		"a piece missing":             pack(func(p *Pack) { p.Pieces = p.Pieces[:2] }),
		"more lost than m":            pack(func(p *Pack) { p.Lost = []byte{0, 1} }),
		"lost shard 3 of 0…2":         pack(func(p *Pack) { p.Lost = []byte{3} }),
		"lost shards descending":      pack(func(p *Pack) { p.Geometry = Geometry{1, 2, 4096}; p.Lost = []byte{1, 0} }),
		"lost shard twice":            pack(func(p *Pack) { p.Geometry = Geometry{1, 2, 4096}; p.Lost = []byte{1, 1} }),
		"index without pages":         index(func(p *Pack) { p.Pages = 0 }),
		"index of one page":           index(func(p *Pack) { p.Pages = 1 }),
		"index of 1025 pages":         index(func(p *Pack) { p.Pages = 1025 }),
		"index with a short box":      index(func(p *Pack) { p.FirstPath = p.FirstPath[1:] }),
		"index with a FLOE header":    index(func(p *Pack) { p.Header = make([]byte, 74) }),
		"index with segments":         index(func(p *Pack) { p.Segments = 2 }),
		"page without a hash":         page(func(p *PageEntry) { p.SHA256 = [32]byte{} }),
		"page without a root":         page(func(p *PageEntry) { p.Root = [32]byte{} }),
		"page off its bound":          page(func(p *PageEntry) { p.Offset = 8193 }),
		"page without a length":       page(func(p *PageEntry) { p.Length = 0 }),
		"page of an odd length":       page(func(p *PageEntry) { p.Length++ }),
		"page over the limit":         page(func(p *PageEntry) { p.Length = MaxPageCiphertext + PageStep }),
		"end without totals":          &End{Packs: 1},
		"end with short totals":       &End{Totals: make([]byte, TotalsBox-1)},
	} {
		b, err := e.Encode()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := DecodeEntry(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	raw := func(kind EntryKind, f func(w *fields.Writer)) []byte {
		w := fields.NewWriter([]byte{Version, byte(kind)})
		f(w)
		return w.Bytes()
	}
	good, _ := testPack().Encode()
	for name, b := range map[string][]byte{
		"nothing":           nil,
		"version alone":     {Version},
		"kind 0":            {Version, 0},
		"kind 8":            {Version, 8},
		"receipt":           EncodeReceipt([32]byte{1}),
		"over the limit":    append(bytes.Clone(good), make([]byte, MaxEntry)...),
		"other matrix":      bytes.Replace(good, []byte{15, 1, 1, 17}, []byte{15, 1, 2, 17}, 1),
		"hashes cut":        raw(EntryWrap, func(w *fields.Writer) { w.Blob(3, true, make([]byte, 33)) }),
		"unknown critical":  raw(EntryEvent, func(w *fields.Writer) { w.Text(2, true, "note"); w.Uint(5, true, 1) }),
		"uncritical number": raw(EntryPage, func(w *fields.Writer) { w.Uint(1, false, 1) }),
		"event of 1,025":    raw(EntryEvent, func(w *fields.Writer) { w.Text(2, true, "note"); w.Text(3, false, strings.Repeat("t", 1025)) }),
	} {
		if _, err := DecodeEntry(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if e, err := DecodeEntry(raw(EntryEvent, func(w *fields.Writer) { w.Text(2, true, "note"); w.Uint(500, false, 1) })); err != nil || e.Event.Bay != -1 {
		t.Errorf("unknown field that is not critical: %v", err)
	}
}

func TestPackSizes(t *testing.T) {
	p := testPack()
	if p.IsIndex() || p.PlainSize() != 1<<20-31 {
		t.Errorf("plain size %d", p.PlainSize())
	}
	if !testIndex().IsIndex() {
		t.Error("an index pack is none")
	}
}

// TestVersionFirst changes the version byte of every structure: that alone must
// be said, however wrong the rest is (P18).
func TestVersionFirst(t *testing.T) {
	check := func(name string, err error) {
		t.Helper()
		if !errors.Is(err, ErrUnsupportedVersion) || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnverified) {
			t.Errorf("%s: error %v, want ErrUnsupportedVersion alone", name, err)
		}
	}
	for name, e := range testEntries(t) {
		b, _ := e.Encode()
		b[0] = Version + 1
		_, err := DecodeEntry(b)
		check(name, err)
	}
	future := [][]byte{{2}, {2, 200}, append([]byte{2, 200}, bytes.Repeat([]byte{0xff}, 1<<20)...)}
	for _, b := range future {
		_, err := DecodeEntry(b)
		check("entry of the future", err)
		_, err = DecodeWrap(b)
		check("wrap of the future", err)
		_, err = DecodeWrapCheck(b)
		check("wrap check of the future", err)
	}
	w := (&Wrap{Kind: WrapHPKE, Scope: testScope(t), KeyID: make([]byte, 32), Body: []byte{1}}).Encode()
	w[0] = 255
	_, err := DecodeWrap(w)
	check("wrap", err)
	w[0], w[1] = Version, 4
	_, err = DecodeWrap(w)
	check("wrap of a reserved kind", err)

	plain := make([]byte, PageStep)
	plain[0], plain[1] = Version+1, 99
	_, err = parsePage(plain, false)
	check("page", err)
	_, err = parsePage([]byte{2}, false)
	check("short page", err)

	s := newSealedLog(t, 2, 0)
	p := s.proof(t, 1)
	text := p.Encode()
	raw, _ := decodeBase64(extraOf(text))
	raw[0] = Version + 1
	_, err = ParseProof(withExtra(text, raw))
	check("proof", err)
	_, err = ParseProof(withExtra(text, []byte{2, 0xff}))
	check("proof of the future", err)

	label := Label{Scope: s.scope, Disks: 3, JobSerial: 1, Checkpoint: s.checkpoint}.Encode()
	_, err = ParseLabel(bytes.Replace(label, []byte("label 1"), []byte("label 2"), 1))
	check("label", err)
	_, err = ParseLabel([]byte("sledge label 12\nwhatever"))
	check("label of the future", err)

	var st SealStatement
	open := func(name, predicateType, predicate string) {
		t.Helper()
		env, err := SignStatement(predicateType, nil, jsonRaw(predicate), deviceKey)
		must(t, err)
		_, _, err = OpenStatement(env, PredicateSeal, &st, pub(deviceKey))
		check(name, err)
	}
	open("statement", PredicateSeal, `{"version": 2, "critical": 7, "job": false}`)
	open("statement's type", strings.Replace(PredicateSeal, "/v1", "/v2", 1), `{"version": 2}`)
	open("critical name", PredicateSeal, `{"version": 1, "critical": ["job", "custody"], "custody": 1}`)
	job := testJob(t)
	env, err := SignStatement(PredicateJob, nil, jsonRaw(`{"version": 3}`), signerKey)
	must(t, err)
	_, err = OpenJob(env, pub(signerKey))
	check("job file", err)
	_, err = PeekJob(env)
	check("job file, unverified", err)
	job.Critical = []string{"custody"}
	env, err = job.Sign(signerKey)
	must(t, err)
	_, err = OpenJob(env, pub(signerKey))
	check("job file with a critical name", err)
}
