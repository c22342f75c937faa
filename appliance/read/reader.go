package read

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/flight"
	"github.com/sledge-io/sledge/manifest"
)

// Reader reads a sealed device with its load key: records in order, one record
// by its path, and contents. It is safe for concurrent use.
type Reader struct {
	*Set
	keys   *manifest.Keys
	count  *pack.Repairs
	totals manifest.Totals

	opening flight.Group[packKey, struct{}]

	mu    sync.Mutex // guards the next two; never held while a disk is read
	packs map[packKey]*heldPack
	used  []packKey // least recently used first

	segments *pack.Cache // decrypted ones
	stripes  *pack.Cache // decoded ones, where blocks are missing or bad
	scratch  sync.Pool   // *[]byte of a segment's size
}

// heldPack is an open pack, and how many hold it: the Reader's mu guards refs.
type heldPack struct {
	*pack.Plain
	refs int
}

type packKey struct {
	index bool
	n     uint64
}

// What a reader keeps of decoded bytes.
const (
	segmentBudget = 24 << 20
	stripeBudget  = 48 << 20
)

// Raw is a record as it stands in the manifest, with what proves it.
type Raw struct {
	Page  uint64
	Index int
	Bytes []byte
	Salt  [32]byte
}

// Entry is one entry of the manifest: its record, whole, and the raw records.
type Entry struct {
	Record *manifest.Record
	Raw    []Raw
}

// Unlock gives a reader; k must be the device's load key.
func (s *Set) Unlock(k []byte) (*Reader, error) {
	if err := s.CheckKey(k); err != nil {
		return nil, err
	}
	r := &Reader{Set: s, keys: manifest.NewKeys(k, s.Scope), count: &pack.Repairs{}, packs: map[packKey]*heldPack{},
		segments: pack.NewCache(segmentBudget), stripes: pack.NewCache(stripeBudget)}
	r.scratch.New = func() any { b := make([]byte, crypto.SegmentSize); return &b }
	var err error
	if r.totals, err = r.keys.OpenTotals(s.End.Totals); err != nil {
		return nil, err
	}
	return r, r.checkPages()
}

// ShareMemory lets r keep decoded bytes where other keeps its own, so that readers
// side by side take no more than one does. Call it before r reads anything.
func (r *Reader) ShareMemory(other *Reader) { r.segments, r.stripes = other.segments, other.stripes }

// LimitMemory bounds what r keeps of decrypted segments and of decoded stripes, in bytes; at
// times twice as much is held. Call it before r reads anything.
func (r *Reader) LimitMemory(segments, stripes int64) {
	r.segments, r.stripes = pack.NewCache(segments), pack.NewCache(stripes)
}

// Totals are the sealed sums of the manifest.
func (r *Reader) Totals() manifest.Totals { return r.totals }

// RepairedBlocks is how many blocks were decoded instead of read, and where.
func (r *Reader) RepairedBlocks() (uint64, map[string]uint64) {
	return r.count.Counts()
}

// Close gives open files back.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.packs {
		p.Close()
	}
	r.packs, r.used = map[packKey]*heldPack{}, nil
	return nil
}

const MaxOpenPacks = 24

// pack returns an open pack and a function that gives it back.
func (r *Reader) pack(key packKey) (*pack.Plain, func(), error) {
	for {
		if p := r.holdPack(key); p != nil {
			return p.Plain, func() { r.letGo(p) }, nil
		}
		if _, err := r.opening.Do(key, func() (struct{}, error) { return struct{}{}, r.keepPack(key) }); err != nil {
			return nil, nil, err
		}
	}
}

// holdPack holds an open pack; nil if it is not open.
func (r *Reader) holdPack(key packKey) *heldPack {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.packs[key]
	if p != nil {
		r.touch(key)
		p.refs++
	}
	return p
}

func (r *Reader) letGo(p *heldPack) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p.refs--
}

// keepPack opens a pack, unless it is open, and closes those that were not used for long.
func (r *Reader) keepPack(key packKey) error {
	r.mu.Lock()
	open := r.packs[key] != nil
	r.mu.Unlock()
	if open {
		return nil
	}
	p, err := r.openPack(key)
	if err != nil {
		return err
	}
	r.mu.Lock()
	old := r.evict()
	r.packs[key] = &heldPack{Plain: p}
	r.touch(key)
	r.mu.Unlock()
	for _, p := range old {
		p.Close()
	}
	return nil
}

// openPack reads the pack's entry of the log, and nothing of the pack itself.
func (r *Reader) openPack(key packKey) (*pack.Plain, error) {
	find := r.Pack
	if key.index {
		find = r.IndexPack
	}
	entry, err := find(key.n)
	if err != nil {
		return nil, err
	}
	var dec *crypto.FloeDecryptor
	if !key.index {
		dec, err = crypto.NewFloeDecryptor(crypto.DefaultFloe(), r.keys.PackKey(entry.ID), r.keys.Scope.PackAD(entry.ID), entry.Header)
		if err != nil {
			return nil, fmt.Errorf("pack %d: %w", entry.Number, err)
		}
	}
	return pack.OpenPlain(r.set, entry, dec, r.count, r.stripes)
}

func (r *Reader) touch(key packKey) {
	for i, u := range r.used {
		if u == key {
			r.used = append(r.used[:i], r.used[i+1:]...)
			break
		}
	}
	r.used = append(r.used, key)
}

// evict takes out packs that nobody holds, so that there is room for one more. The caller
// closes them.
func (r *Reader) evict() (old []*heldPack) {
	for i := 0; len(r.packs) >= MaxOpenPacks && i < len(r.used); {
		n := r.used[i]
		if r.packs[n].refs > 0 {
			i++
			continue
		}
		old = append(old, r.packs[n])
		delete(r.packs, n)
		r.used = append(r.used[:i], r.used[i+1:]...)
	}
	return old
}

// OpenPage reads, proves and decrypts a page.
func (r *Reader) OpenPage(n uint64) (*manifest.Page, error) {
	e, err := r.Page(n)
	if err != nil {
		return nil, err
	}
	p, done, err := r.pack(packKey{index: true, n: e.IndexPack})
	if err != nil {
		return nil, err
	}
	defer done()
	buf := make([]byte, e.Length)
	if err := p.Read(buf, e.Offset); err == nil {
		page, err := manifest.OpenPage(r.keys, p.Entry().ID, e, buf)
		if err == nil || crypto.SumSHA256(buf) == e.SHA256 {
			return page, err
		}
	}
	if err := p.ReadProven(buf, e.Offset); err != nil {
		return nil, fmt.Errorf("page %d: %w", n, err)
	}
	return manifest.OpenPage(r.keys, p.Entry().ID, e, buf)
}

// Entries calls f for every entry in the manifest's order. A page that is lost
// ends it with an error that names the page.
func (r *Reader) Entries(ctx context.Context, f func(Entry) error) error {
	return r.EntriesFrom(ctx, 0, nil, f)
}

// EntriesFrom is Entries for those that begin in a page or later ones. It goes on
// behind a page that is lost if lost is given and returns nil.
func (r *Reader) EntriesFrom(ctx context.Context, page uint64, lost func(page uint64, err error) error, f func(Entry) error) error {
	w := walk{r: r, page: page, lost: lost, f: func(rec *manifest.Record, raw []place) error {
		return f(r.entry(rec, raw))
	}}
	return w.run(ctx)
}

// Pages is how many pages the manifest has, those that hold directories of pages
// among them.
func (r *Reader) Pages() uint64 { return r.End.Pages }

// Lookup finds one entry by its path.
func (r *Reader) Lookup(ctx context.Context, path string) (Entry, error) {
	path = strings.TrimSuffix(path, "/")
	for _, key := range []string{path, path + "/"} {
		e, err := r.lookupKey(ctx, key)
		if err == nil || !isNotFound(err) {
			return e, err
		}
	}
	return Entry{}, fmt.Errorf("%q: %w", path, ErrNotFound)
}

// errEnough ends a walk that has found what it was for.
var errEnough = errors.New("enough")

func isNotFound(err error) bool { return err == ErrNotFound }

func (r *Reader) lookupKey(ctx context.Context, key string) (found Entry, err error) {
	if r.End.IndexPacks == 0 {
		return found, ErrNotFound
	}
	line, err := r.seek(key)
	if err != nil {
		return found, err
	}
	w := walk{r: r, page: line.Page, line: &line, f: func(rec *manifest.Record, raw []place) error {
		switch c := manifest.CompareKeys(rec.OrderKey(), key); {
		case c == 0:
			found = r.entry(rec, raw)
			return errEnough
		case c > 0:
			return ErrNotFound
		}
		return nil
	}}
	if err = w.run(ctx); err == errEnough {
		return found, nil
	}
	if err == nil {
		err = ErrNotFound
	}
	return found, err
}

// List calls f for every entry whose path begins with prefix, without its raw
// records.
func (r *Reader) List(ctx context.Context, prefix string, f func(Entry) error) error {
	return r.EachRecord(ctx, prefix, nil, func(rec *manifest.Record) error { return f(Entry{Record: rec}) })
}

// EachRecord is List without the entries around the records. All entries together have to
// be as many as the signed totals say.
func (r *Reader) EachRecord(ctx context.Context, prefix string, lost func(page uint64, err error) error, f func(*manifest.Record) error) error {
	if r.End.IndexPacks == 0 {
		return nil
	}
	w := walk{r: r, lost: lost, f: func(rec *manifest.Record, _ []place) error {
		key := rec.OrderKey()
		if strings.HasPrefix(key, prefix) {
			return f(rec)
		}
		if key > prefix {
			return errEnough
		}
		return nil
	}}
	if prefix != "" {
		line, err := r.seek(prefix)
		switch {
		case err == nil:
			w.page, w.line = line.Page, &line
		case lost == nil || !errors.Is(err, disk.ErrLost): // a lost directory page: look through all
			return err
		}
	}
	if err := w.run(ctx); err != nil && err != errEnough {
		return err
	}
	if prefix == "" {
		return w.checkTotals()
	}
	return nil
}

// Prove makes the proof of one file.
func (r *Reader) Prove(ctx context.Context, path string) ([]byte, error) {
	e, err := r.Lookup(ctx, path)
	if err != nil {
		return nil, err
	}
	raw := e.Raw[0]
	page, err := r.OpenPage(raw.Page)
	if err != nil {
		return nil, err
	}
	p, err := manifest.NewProof(r.keys, r.log, r.JobFile, r.End.FirstPage+raw.Page, page, raw.Index)
	if err != nil {
		return nil, err
	}
	return p.Encode(), nil
}
