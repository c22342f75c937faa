package manifest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/fields"
)

// Sizes of pages and boxes (section 7.4).
const (
	MaxPageRecords = 1024
	PageStep       = 65536
	maxPagePlain   = 983040
	pageHead       = 4 // version, kind, number of records
	pageOverhead   = crypto.FloeHeaderSize + crypto.SegmentOverhead

	// MaxPageCiphertext bounds a page's bytes on disk.
	MaxPageCiphertext = maxPagePlain + pageOverhead
	minPageCiphertext = PageStep + pageOverhead

	// PageAlign is the bound on which pages lie in an index pack.
	PageAlign = 4096
	// MaxIndexPages is the number of pages of an index pack, its directory page included.
	MaxIndexPages = 1024

	firstPathPlain = 1026
	totalsPlain    = 256
	boxOverhead    = 28
	// FirstPathBox and TotalsBox are the lengths of the two boxes.
	FirstPathBox = firstPathPlain + boxOverhead
	TotalsBox    = totalsPlain + boxOverhead
)

// Keys derives what the manifest's private part needs from the load key
// (section 4.1).
type Keys struct {
	k     []byte
	Scope Scope
	salt  []byte
}

// NewKeys takes the load key of 32 bytes.
func NewKeys(loadKey []byte, scope Scope) *Keys {
	return &Keys{k: loadKey, Scope: scope, salt: crypto.Derive(loadKey, "salt", nil, 32)}
}

// PackKey is the FLOE key of a pack.
func (k *Keys) PackKey(pack ID) []byte { return crypto.Derive(k.k, "pack", pack[:], 32) }

func (k *Keys) pageKey(indexPack ID, page uint64) []byte {
	return crypto.Derive(k.k, "page", appendU64(append([]byte(nil), indexPack[:]...), page), 32)
}

// Check is the public check value of the load key.
func (k *Keys) Check() (c [16]byte) {
	copy(c[:], crypto.Derive(k.k, "check", nil, 16))
	return c
}

// PageBuilder gathers records into a page. Its memory is used again for the
// next one.
type PageBuilder struct {
	plain []byte // the page's head, then each record with its length
	ends  []int  // of the records
	out   []byte
}

// Fits tells whether the page can take the record.
func (p *PageBuilder) Fits(record []byte) bool {
	return len(p.ends) < MaxPageRecords && max(pageHead, len(p.plain))+4+len(record) <= maxPagePlain
}

// Add appends a copy of a record that fits.
func (p *PageBuilder) Add(record []byte) {
	if len(p.ends) == 0 {
		p.plain = append(p.plain[:0], make([]byte, pageHead)...)
	}
	p.plain = binary.BigEndian.AppendUint32(p.plain, uint32(len(record)))
	p.plain = append(p.plain, record...)
	p.ends = append(p.ends, len(p.plain))
}

// Len is the number of records.
func (p *PageBuilder) Len() int { return len(p.ends) }

// Encrypt makes the page's ciphertext and fills the entry's length, hash and
// root; number, index pack and offset are the caller's. The builder is empty
// afterwards; the ciphertext is valid until it encrypts the next page.
func (p *PageBuilder) Encrypt(k *Keys, indexPack ID, entry *PageEntry) ([]byte, error) {
	tree := commitments{keys: k, indexPack: indexPack, page: entry.Number}
	at := pageHead
	for _, end := range p.ends {
		tree.add(p.plain[at+4 : end])
		at = end
	}
	plainSize := (at + PageStep - 1) / PageStep * PageStep
	p.plain = slices.Grow(p.plain, plainSize-at)
	plain := p.plain[:plainSize]
	clear(plain[at:])
	kind := byte(0)
	if entry.Directory {
		kind = 1
	}
	copy(plain, []byte{Version, kind, byte(len(p.ends) >> 8), byte(len(p.ends))})
	enc, header, err := crypto.NewFloeEncryptor(crypto.DefaultFloe(), k.pageKey(indexPack, entry.Number), k.Scope.PageAD(indexPack, entry.Number))
	if err != nil {
		return nil, err
	}
	size := len(header) + plainSize + crypto.SegmentOverhead
	p.out = slices.Grow(append(p.out[:0], header...), size)
	out := p.out[:size]
	if _, err := enc.EncryptSegment(out[len(header):], plain, 0, true); err != nil {
		return nil, err
	}
	entry.Length, entry.SHA256, entry.Root = int64(len(out)), crypto.SumSHA256(out), tree.tree.Root()
	p.plain, p.ends = p.plain[:0], p.ends[:0]
	return out, nil
}

// Page is a decrypted page: its records' bytes, in order.
type Page struct {
	IndexPack ID
	Number    uint64
	Records   [][]byte
}

// OpenPage decrypts a page's ciphertext and checks it against its entry: hash,
// kind, and the root over the commitments of its records.
func OpenPage(k *Keys, indexPack ID, entry *PageEntry, ciphertext []byte) (*Page, error) {
	place := func(err error) error { return fmt.Errorf("page %d: %w", entry.Number, err) }
	if int64(len(ciphertext)) != entry.Length || crypto.SumSHA256(ciphertext) != entry.SHA256 {
		return nil, place(fmt.Errorf("%w: ciphertext does not match its signed hash", ErrCorrupt))
	}
	dec, err := crypto.NewFloeDecryptor(crypto.DefaultFloe(), k.pageKey(indexPack, entry.Number), k.Scope.PageAD(indexPack, entry.Number), ciphertext[:crypto.FloeHeaderSize])
	if err != nil {
		return nil, place(err)
	}
	seg := ciphertext[crypto.FloeHeaderSize:]
	plain, err := dec.DecryptSegment(make([]byte, len(seg)), seg, 0, true)
	if err != nil {
		return nil, place(err)
	}
	records, err := parsePage(plain, entry.Directory)
	if err != nil {
		return nil, place(err)
	}
	tree := commitments{keys: k, indexPack: indexPack, page: entry.Number}
	for _, r := range records {
		tree.add(r)
	}
	if tree.tree.Root() != entry.Root {
		return nil, place(fmt.Errorf("%w: records do not match their signed root", ErrUnverified))
	}
	return &Page{IndexPack: indexPack, Number: entry.Number, Records: records}, nil
}

func parsePage(plain []byte, directory bool) ([][]byte, error) {
	if len(plain) < PageStep || plain[0] != Version {
		if len(plain) > 0 && plain[0] != Version {
			return nil, fmt.Errorf("version %d: %w", plain[0], ErrUnsupportedVersion)
		}
		return nil, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(plain))
	}
	count := int(plain[2])<<8 | int(plain[3])
	if (plain[1] == 1) != directory || plain[1] > 1 || count == 0 || count > MaxPageRecords {
		return nil, fmt.Errorf("%w: kind %d with %d records", ErrCorrupt, plain[1], count)
	}
	rest := plain[4:]
	records := make([][]byte, 0, count)
	for range count {
		if len(rest) < 4 {
			return nil, fmt.Errorf("%w: cut off", ErrCorrupt)
		}
		n := binary.BigEndian.Uint32(rest)
		if n > MaxRecord || int(n) > len(rest)-4 {
			return nil, fmt.Errorf("%w: record of %d bytes", ErrCorrupt, n)
		}
		records = append(records, rest[4:4+n:4+n])
		rest = rest[4+n:]
	}
	used := len(plain) - len(rest)
	if (used+PageStep-1)/PageStep*PageStep != len(plain) {
		return nil, fmt.Errorf("%w: padding of %d bytes", ErrCorrupt, len(rest))
	}
	for _, c := range rest {
		if c != 0 {
			return nil, fmt.Errorf("%w: padding is not zero", ErrCorrupt)
		}
	}
	return records, nil
}

// DirEntry is one line of a directory page: where a record page begins.
type DirEntry struct {
	Page         uint64
	Path         string
	Kind         Kind
	Records      int
	Continuation int
}

// Key is the order key of the page's first record.
func (d DirEntry) Key() string { return (&Record{Kind: d.Kind, Path: d.Path}).OrderKey() }

func (d *DirEntry) form() fields.Form {
	return fields.Form{
		fields.Uint(1, true, &d.Page, math.MaxInt64),
		fields.Text(2, true, &d.Path),
		fields.Uint(3, true, &d.Kind, uint64(kindWithdrawn)-1),
		fields.Uint(4, false, &d.Records, MaxPageRecords),
		fields.Uint(5, false, &d.Continuation, 1<<30),
	}
}

// Encode returns the line's bytes.
func (d DirEntry) Encode() []byte {
	w := fields.NewWriter(nil)
	d.form().Write(w)
	return w.Bytes()
}

// DecodeDirEntry reads a line of a directory page.
func DecodeDirEntry(b []byte) (DirEntry, error) {
	var e DirEntry
	err := e.form().Read(b)
	if err == nil && (e.Path == "" || e.Kind == 0) {
		err = errors.New("incomplete directory line")
	}
	if err != nil {
		return e, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return e, nil
}

// SealFirstPath boxes the order key of an index pack's first record.
func (k *Keys) SealFirstPath(indexPack ID, key string) ([]byte, error) {
	if len(key) > firstPathPlain-2 {
		key = key[:firstPathPlain-2]
	}
	return sealBox(crypto.Derive(k.k, "first path", indexPack[:], 32), k.firstPathAD(indexPack), []byte(key), firstPathPlain)
}

// OpenFirstPath opens the box; the key may be cut to 1,024 bytes.
func (k *Keys) OpenFirstPath(indexPack ID, box []byte) (string, error) {
	b, err := openBox(crypto.Derive(k.k, "first path", indexPack[:], 32), k.firstPathAD(indexPack), box, firstPathPlain)
	return string(b), err
}

func (k *Keys) firstPathAD(indexPack ID) []byte {
	return append(k.Scope.bind("sledge/1 first path"), indexPack[:]...)
}

// Totals are the encrypted sums of the end entry (section 7.5).
type Totals struct {
	Records, Files, Dirs, Symlinks, Hardlinks, Skipped uint64
	Bytes                                              uint64
	ScanEntries, ScanBytes                             uint64
}

func (t *Totals) list() []*uint64 {
	return []*uint64{&t.Records, &t.Files, &t.Dirs, &t.Symlinks, &t.Hardlinks, &t.Skipped, &t.Bytes, &t.ScanEntries, &t.ScanBytes}
}

func (t *Totals) form() (f fields.Form) {
	for i, n := range t.list() {
		f = append(f, fields.Uint(i+1, false, n, math.MaxUint64))
	}
	return f
}

// Count adds one entry of the manifest with the given number of records.
func (t *Totals) Count(r *Record, records int) {
	t.Records += uint64(records)
	t.Bytes += uint64(r.DataLength())
	switch r.Kind {
	case KindFile:
		t.Files++
	case KindDir:
		t.Dirs++
	case KindSymlink:
		t.Symlinks++
	case KindHardlink:
		t.Hardlinks++
	case KindSkipped:
		t.Skipped++
	}
}

// Add adds other totals.
func (t *Totals) Add(u Totals) {
	from := u.list()
	for i, n := range t.list() {
		*n += *from[i]
	}
}

// Entries is the number of entries, skipped ones included.
func (t *Totals) Entries() uint64 { return t.Files + t.Dirs + t.Symlinks + t.Hardlinks + t.Skipped }

// SealTotals boxes the totals.
func (k *Keys) SealTotals(t Totals) ([]byte, error) {
	w := fields.NewWriter(nil)
	t.form().Write(w)
	return sealBox(crypto.Derive(k.k, "totals", nil, 32), k.Scope.bind("sledge/1 totals"), w.Bytes(), totalsPlain)
}

// OpenTotals opens the totals of an end entry.
func (k *Keys) OpenTotals(box []byte) (t Totals, err error) {
	b, err := openBox(crypto.Derive(k.k, "totals", nil, 32), k.Scope.bind("sledge/1 totals"), box, totalsPlain)
	if err != nil {
		return t, err
	}
	if err := t.form().Read(b); err != nil {
		return t, fmt.Errorf("%w: totals: %w", ErrCorrupt, err)
	}
	return t, nil
}
