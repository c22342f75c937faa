package manifest

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"

	"github.com/sledge-io/sledge/crypto"
)

// stranger derives keys as docs/format.md section 4.1 says, with the standard library alone.
func stranger(t *testing.T, purpose string, context []byte, n int) []byte {
	t.Helper()
	b, err := hkdf.Key(sha256.New, loadKey, nil, "sledge/1 "+purpose+"\x00"+string(context), n)
	must(t, err)
	return b
}

func be(v uint64, n int) []byte { return binary.BigEndian.AppendUint64(nil, v)[8-n:] }

func cat(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(cat(parts...))
	return h.Sum(nil)
}

// strangerRoot is RFC 6962's MTH, as it is defined.
func strangerRoot(items [][]byte) []byte {
	switch len(items) {
	case 0:
		sum := sha256.Sum256(nil)
		return sum[:]
	case 1:
		sum := sha256.Sum256(cat([]byte{0}, items[0]))
		return sum[:]
	}
	k := 1
	for 2*k < len(items) {
		k *= 2
	}
	sum := sha256.Sum256(cat([]byte{1}, strangerRoot(items[:k]), strangerRoot(items[k:])))
	return sum[:]
}

// TestPageByHand decrypts a page and computes its root as a stranger would.
func TestPageByHand(t *testing.T) {
	s := newSealedLog(t, 700, 0)
	const number = 0
	key := stranger(t, "page", cat(s.indexPack[:], be(number, 8)), 32)
	aad := cat([]byte("sledge/1 page\x00"), s.scope.Job[:], s.scope.Device[:], be(1, 4), s.indexPack[:], be(number, 8))
	params := cat([]byte{0, 0}, be(1<<20, 4), be(32, 4))
	header, segment := s.pageBytes[:74], s.pageBytes[74:]
	kdf := func(key []byte, purpose string, n int) []byte {
		b, err := hkdf.Expand(sha512.New384, key, string(cat(params, header[10:42], []byte(purpose), aad)), n)
		must(t, err)
		return b
	}
	if !bytes.Equal(header, cat(params, header[10:42], kdf(key, "HEADER_TAG:", 32))) {
		t.Fatal("the header is not as in section 4.2")
	}
	dek := kdf(kdf(key, "MESSAGE_KEY:", 48), "DEK:"+string(be(0, 8)), 32)
	block, err := aes.NewCipher(dek)
	must(t, err)
	gcm, err := cipher.NewGCM(block)
	must(t, err)
	if !bytes.Equal(segment[:4], be(uint64(len(segment)), 4)) {
		t.Error("the segment is not marked as the last")
	}
	plain, err := gcm.Open(nil, segment[4:16], segment[16:], cat(be(0, 8), []byte{1}))
	must(t, err)

	if len(plain)%65536 != 0 || !bytes.Equal(plain[:4], cat([]byte{Version, 0}, be(700, 2))) {
		t.Fatalf("%d bytes, head %x", len(plain), plain[:4])
	}
	salt := stranger(t, "salt", nil, 32)
	var commitments [][]byte
	rest := plain[4:]
	for i := range 700 {
		n := binary.BigEndian.Uint32(rest)
		record := rest[4 : 4+n]
		rest = rest[4+n:]
		if !bytes.Equal(record, encode(t, fileRecord(fmt.Sprintf("file-%04d", i)))[0]) {
			t.Fatalf("record %d", i)
		}
		rs := mac(salt, s.indexPack[:], be(number, 8), be(uint64(i), 4))
		if got := s.keys.Salt(s.indexPack, number, i); !bytes.Equal(rs, got[:]) {
			t.Fatalf("salt %d", i)
		}
		c := mac(rs, record)
		if got := Commitment([32]byte(rs), record); !bytes.Equal(c, got[:]) {
			t.Fatalf("commitment %d", i)
		}
		commitments = append(commitments, c)
	}
	if len(bytes.Trim(rest, "\x00")) != 0 || len(rest) >= 65536 {
		t.Errorf("padding of %d bytes", len(rest))
	}
	if !bytes.Equal(strangerRoot(commitments), s.entry.Root[:]) {
		t.Error("the root is not over the commitments")
	}
	if sum := sha256.Sum256(s.pageBytes); sum != s.entry.SHA256 {
		t.Error("the entry's SHA-256 is not the ciphertext's")
	}
}

// TestKeysByHand compares every derived key and box with section 4.1.
func TestKeysByHand(t *testing.T) {
	k := NewKeys(loadKey, testScope(t))
	pack := ID{7}
	if !bytes.Equal(k.PackKey(pack), stranger(t, "pack", pack[:], 32)) {
		t.Error("pack key")
	}
	if c := k.Check(); !bytes.Equal(c[:], stranger(t, "check", nil, 16)) {
		t.Error("check")
	}
	open := func(key, ad, box []byte) []byte {
		block, err := aes.NewCipher(key)
		must(t, err)
		gcm, err := cipher.NewGCM(block)
		must(t, err)
		plain, err := gcm.Open(nil, box[:12], box[12:], ad)
		must(t, err)
		return plain
	}
	scope := cat(k.Scope.Job[:], k.Scope.Device[:], be(1, 4))
	box, err := k.SealFirstPath(pack, "dir/file")
	must(t, err)
	plain := open(stranger(t, "first path", pack[:], 32), cat([]byte("sledge/1 first path\x00"), scope, pack[:]), box)
	if len(box) != 1054 || !bytes.Equal(plain, cat(be(8, 2), []byte("dir/file"), make([]byte, 1016))) {
		t.Errorf("first path: %d bytes, %x", len(box), plain[:16])
	}
	box, err = k.SealTotals(Totals{Records: 300, ScanBytes: 1})
	must(t, err)
	plain = open(stranger(t, "totals", nil, 32), cat([]byte("sledge/1 totals\x00"), scope), box)
	if len(box) != 284 || !bytes.Equal(plain, cat(be(7, 2), []byte{2, 2, 1, 44, 18, 1, 1}, make([]byte, 247))) {
		t.Errorf("totals: %d bytes, %x", len(box), plain[:16])
	}
}

func TestPagePadding(t *testing.T) {
	s := testScope(t)
	k := NewKeys(loadKey, s)
	for _, size := range []int{0, 1, 65536 - 8 - 1, 65536 - 8, 65536 - 8 + 1} {
		var b PageBuilder
		b.Add(make([]byte, min(size, MaxRecord)))
		want := (8 + size + 65535) / 65536 * 65536
		e := &PageEntry{Number: 1}
		ct, err := b.Encrypt(k, ID{1}, e)
		if err != nil || len(ct) != want+74+32 || e.Length != int64(len(ct)) || b.Len() != 0 {
			t.Errorf("a record of %d bytes: page of %d bytes, want %d: %v", size, len(ct), want+106, err)
		}
		if p, err := OpenPage(k, ID{1}, e, ct); err != nil || len(p.Records) != 1 || len(p.Records[0]) != size {
			t.Errorf("a record of %d bytes: %v", size, err)
		}
	}
}

func TestPageFits(t *testing.T) {
	var b PageBuilder
	for b.Fits(nil) {
		b.Add(nil)
	}
	if b.Len() != MaxPageRecords {
		t.Errorf("%d records without bytes fit", b.Len())
	}
	b = PageBuilder{}
	large := make([]byte, MaxRecord)
	for b.Fits(large) {
		b.Add(large)
	}
	rest := maxPagePlain - 4 - b.Len()*(4+MaxRecord) - 4
	if b.Fits(make([]byte, rest+1)) || !b.Fits(make([]byte, rest)) {
		t.Errorf("%d bytes are left", rest)
	}
	b.Add(make([]byte, rest))
	e := &PageEntry{}
	ct, err := b.Encrypt(NewKeys(loadKey, testScope(t)), ID{1}, e)
	if err != nil || len(ct) != MaxPageCiphertext {
		t.Fatalf("the largest page has %d bytes: %v", len(ct), err)
	}
	if len(ct)-crypto.FloeHeaderSize > crypto.SegmentSize {
		t.Error("the largest page is over one segment")
	}
	e.SHA256 = sha256.Sum256(ct)
	if raw, err := e.Encode(); err != nil {
		t.Error(err)
	} else if _, err := DecodeEntry(raw); err != nil {
		t.Error(err)
	}
}

// TestPageFlips flips every bit of a page's ciphertext that is not in its long
// middle, with the entry's hash as it was and made to fit.
func TestPageFlips(t *testing.T) {
	s := newSealedLog(t, 3, 0)
	for bit := range len(s.pageBytes) * 8 {
		if at := bit / 8; at > 200 && at < len(s.pageBytes)-32 && at%997 != 0 {
			continue
		}
		ct := bytes.Clone(s.pageBytes)
		ct[bit/8] ^= 1 << (bit % 8)
		if _, err := OpenPage(s.keys, s.indexPack, s.entry, ct); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("bit %d: error %v", bit, err)
		}
		e := *s.entry
		e.SHA256 = sha256.Sum256(ct)
		if _, err := OpenPage(s.keys, s.indexPack, &e, ct); err == nil {
			t.Fatalf("bit %d: a page under a hash of its own was decrypted", bit)
		}
	}
	for _, n := range []int{0, 1, 73, 74, len(s.pageBytes) - 1} {
		if _, err := OpenPage(s.keys, s.indexPack, s.entry, s.pageBytes[:n]); !errors.Is(err, ErrCorrupt) {
			t.Errorf("cut to %d bytes: error %v", n, err)
		}
	}
}

// TestPageBinding moves a good page to every other place (P4).
func TestPageBinding(t *testing.T) {
	s := newSealedLog(t, 3, 0)
	other := s.scope
	other.Generation++
	number, root, kind := *s.entry, *s.entry, *s.entry
	number.Number++
	root.Root[0] ^= 1
	kind.Directory = true
	wrong := bytes.Clone(loadKey)
	wrong[0]++
	var text []string
	for name, f := range map[string]func() error{
		"other generation": func() error {
			_, err := OpenPage(NewKeys(loadKey, other), s.indexPack, s.entry, s.pageBytes)
			return err
		},
		"other key": func() error {
			_, err := OpenPage(NewKeys(wrong, s.scope), s.indexPack, s.entry, s.pageBytes)
			return err
		},
		"other index pack": func() error { _, err := OpenPage(s.keys, ID{1}, s.entry, s.pageBytes); return err },
		"other number":     func() error { _, err := OpenPage(s.keys, s.indexPack, &number, s.pageBytes); return err },
	} {
		err := f()
		if !errors.Is(err, crypto.ErrKey) {
			t.Errorf("%s: error %v, want ErrKey", name, err)
			continue
		}
		text = append(text, err.Error()[strings.Index(err.Error(), ":"):])
	}
	for _, s := range text {
		if s != text[0] {
			t.Errorf("key failures differ: %q", text)
		}
	}
	if _, err := OpenPage(s.keys, s.indexPack, &root, s.pageBytes); !errors.Is(err, ErrUnverified) {
		t.Errorf("other root: error %v", err)
	}
	if _, err := OpenPage(s.keys, s.indexPack, &kind, s.pageBytes); !errors.Is(err, ErrCorrupt) {
		t.Errorf("other kind: error %v", err)
	}
}

func TestParsePageRefused(t *testing.T) {
	page := func(f func(b []byte)) []byte {
		b := make([]byte, PageStep)
		copy(b, []byte{Version, 0, 0, 2, 0, 0, 0, 1, 'a', 0, 0, 0, 2, 'b', 'c'})
		f(b)
		return b
	}
	if r, err := parsePage(page(func([]byte) {}), false); err != nil || len(r) != 2 || string(r[1]) != "bc" {
		t.Fatalf("template: %q, %v", r, err)
	}
	for name, b := range map[string][]byte{
		"nothing":                    nil,
		"one byte short":             page(func([]byte) {})[:len(page(func([]byte) {}))-1],
		"kind 1":                     page(func(b []byte) { b[1] = 1 }),
		"kind 2":                     page(func(b []byte) { b[1] = 2 }),
		"no records":                 page(func(b []byte) { b[3] = 0 }),
		"1,025 records":              page(func(b []byte) { b[2], b[3] = 4, 1 }),
		"a record fewer":             page(func(b []byte) { b[3] = 1 }),
		"record over the limit":      page(func(b []byte) { b[10], b[11], b[12] = 1, 0, 1 }),
		"record beyond the end":      page(func(b []byte) { b[11], b[12] = 255, 255 }),
		"record length of 2^32−1":    page(func(b []byte) { copy(b[9:], "\xff\xff\xff\xff") }),
		"padding not zero":           page(func(b []byte) { b[len(b)-1] = 1 }),
		"a step of padding too much": append(page(func([]byte) {}), make([]byte, PageStep)...),
		"half a step too much":       append(page(func([]byte) {}), make([]byte, PageStep/2)...),
	} {
		if _, err := parsePage(b, false); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	// Records without bytes up to the end: the next length is cut off.
	full := make([]byte, PageStep)
	copy(full, []byte{Version, 0, 0, 2, 0, 0, 255, 246})
	if _, err := parsePage(full, false); !errors.Is(err, ErrCorrupt) {
		t.Errorf("cut off: error %v", err)
	}
	if _, err := parsePage(page(func(b []byte) { b[1] = 1 }), true); err != nil {
		t.Errorf("directory page: %v", err)
	}
}

func TestDirEntry(t *testing.T) {
	for _, d := range []DirEntry{
		{Page: 0, Path: "a", Kind: KindFile, Records: 1024}, {Page: 1 << 40, Path: "dir", Kind: KindDir, Records: 1}, {Page: 3, Path: "dir/", Kind: KindContinuation, Records: 5, Continuation: 7},
	} {
		got, err := DecodeDirEntry(d.Encode())
		if err != nil || got != d {
			t.Errorf("%+v: read back as %+v, %v", d, got, err)
		}
	}
	if k := (DirEntry{Path: "dir", Kind: KindDir}).Key(); k != "dir/" {
		t.Errorf("order key %q", k)
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "no path": {7, 1, 1}, "no kind": {5, 1, 'x'}, "kind 7": {5, 1, 'x', 7, 1, 7}, "too many records": {5, 1, 'x', 7, 1, 1, 8, 2, 4, 1}, "unknown critical": {5, 1, 'x', 7, 1, 1, 13, 1, 1},
	} {
		if _, err := DecodeDirEntry(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestTotals(t *testing.T) {
	k := NewKeys(loadKey, testScope(t))
	var sum Totals
	hard := fileRecord("h")
	hard.Kind, hard.LinkTo = KindHardlink, "f"
	sum.Count(fileRecord("f"), 1)
	sum.Count(hard, 1)
	sum.Count(largeRecord("l"), 12)
	sum.Count(&Record{Kind: KindDir, Path: "d"}, 1)
	sum.Count(&Record{Kind: KindSymlink, Path: "s", Target: "abc", Size: 3}, 1)
	sum.Count(&Record{Kind: KindSkipped, Path: "k", Reason: "vanished", Size: 99}, 1)
	sum.ScanEntries, sum.ScanBytes = 6, 1<<64-1
	want := Totals{Records: 17, Files: 2, Dirs: 1, Symlinks: 1, Hardlinks: 1, Skipped: 1, Bytes: uint64(5 + 5 + 3 + largeRecord("").Size), ScanEntries: 6, ScanBytes: 1<<64 - 1}
	if sum != want || sum.Entries() != 6 {
		t.Fatalf("%+v, want %+v", sum, want)
	}
	for _, v := range []Totals{sum, {}, {Files: 1}} {
		box, err := k.SealTotals(v)
		must(t, err)
		if got, err := k.OpenTotals(box); err != nil || got != v || len(box) != TotalsBox {
			t.Errorf("%+v, %v", got, err)
		}
		for bit := range len(box) * 8 {
			box[bit/8] ^= 1 << (bit % 8)
			if _, err := k.OpenTotals(box); !errors.Is(err, crypto.ErrKey) {
				t.Fatalf("bit %d: error %v", bit, err)
			}
			box[bit/8] ^= 1 << (bit % 8)
		}
	}
	key, ad := stranger(t, "totals", nil, 32), k.Scope.bind("sledge/1 totals")
	for name, content := range map[string][]byte{"critical": {3, 1, 1}, "unknown critical": {21, 1, 1}, "leading zero": {2, 2, 0, 1}, "cut": {2, 2, 1}} {
		box, err := sealBox(key, ad, content, totalsPlain)
		must(t, err)
		if _, err := k.OpenTotals(box); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestFirstPath(t *testing.T) {
	k := NewKeys(loadKey, testScope(t))
	for _, n := range []int{1, 1023, 1024, 1025, 4096} {
		path := strings.Repeat("p", n)
		box, err := k.SealFirstPath(ID{1}, path)
		must(t, err)
		got, err := k.OpenFirstPath(ID{1}, box)
		if err != nil || got != path[:min(n, 1024)] || len(box) != FirstPathBox {
			t.Errorf("%d bytes: %d back, %v", n, len(got), err)
		}
		if _, err := k.OpenFirstPath(ID{2}, box); !errors.Is(err, crypto.ErrKey) {
			t.Errorf("another index pack's box: error %v", err)
		}
	}
	key, ad := stranger(t, "first path", make([]byte, 16), 32), k.firstPathAD(ID{})
	seal := func(plain []byte) []byte {
		aead, err := boxAEAD(key)
		must(t, err)
		return aead.Seal(nil, nil, plain, ad)
	}
	long, dirty := make([]byte, firstPathPlain), make([]byte, firstPathPlain)
	long[0], dirty[firstPathPlain-1] = 255, 1
	for name, box := range map[string][]byte{"length beyond the box": seal(long), "padding not zero": seal(dirty), "short": seal(long[:100])} {
		if _, err := k.OpenFirstPath(ID{}, box); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := sealBox(key, ad, make([]byte, 255), 256); err == nil {
		t.Error("a box was filled over its size")
	}
}
