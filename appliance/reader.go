package appliance

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"sync"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// Reader reads a sealed device with its load key: records in order, one record
// by its path, and contents. It is safe for concurrent use.
type Reader struct {
	*Set
	keys   *manifest.Keys
	count  *repairs
	totals manifest.Totals

	mu    sync.Mutex
	packs map[packKey]*packPlain
	used  []packKey // least recently used first

	segments *readCache // decrypted ones
	stripes  *readCache // decoded ones, where blocks are missing or bad
	scratch  sync.Pool  // *[]byte of a segment's size
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
	r := &Reader{Set: s, keys: manifest.NewKeys(k, s.Scope), count: &repairs{}, packs: map[packKey]*packPlain{},
		segments: newReadCache(segmentBudget), stripes: newReadCache(stripeBudget)}
	r.scratch.New = func() any { b := make([]byte, crypto.SegmentSize); return &b }
	var err error
	r.totals, err = r.keys.OpenTotals(s.End.Totals)
	return r, err
}

// ShareMemory lets r keep decoded bytes where other keeps its own, so that readers
// side by side take no more than one does. Call it before r reads anything.
func (r *Reader) ShareMemory(other *Reader) { r.segments, r.stripes = other.segments, other.stripes }

// Totals are the sealed sums of the manifest.
func (r *Reader) Totals() manifest.Totals { return r.totals }

// RepairedBlocks is how many blocks were decoded instead of read, and where.
func (r *Reader) RepairedBlocks() (uint64, map[string]uint64) {
	r.count.mu.Lock()
	defer r.count.mu.Unlock()
	places := make(map[string]uint64, len(r.count.bad))
	for k, v := range r.count.bad {
		places[k] = v
	}
	return r.count.blocks, places
}

// Close gives open files back.
func (r *Reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.packs {
		p.close()
	}
	r.packs, r.used = map[packKey]*packPlain{}, nil
	return nil
}

const maxOpenPacks = 24

// pack returns an open pack and a function that gives it back.
func (r *Reader) pack(key packKey) (*packPlain, func(), error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.packs[key]
	if p == nil {
		var err error
		if p, err = r.openPack(key); err != nil {
			return nil, nil, err
		}
		r.evict()
		r.packs[key] = p
	}
	r.touch(key)
	p.refs++
	return p, func() {
		r.mu.Lock()
		p.refs--
		r.mu.Unlock()
	}, nil
}

// openPack reads nothing of the pack itself.
func (r *Reader) openPack(key packKey) (*packPlain, error) {
	find := r.Pack
	if key.index {
		find = r.indexPack
	}
	entry, err := find(key.n)
	if err != nil {
		return nil, err
	}
	p := &packPlain{}
	if !key.index {
		p.dec, err = crypto.NewFloeDecryptor(crypto.DefaultFloe(), r.keys.PackKey(entry.ID), r.keys.Scope.PackAD(entry.ID), entry.Header)
		if err != nil {
			return nil, fmt.Errorf("pack %d: %w", entry.Number, err)
		}
	}
	p.packReader, err = openPackReader(r.set, entry, r.count, r.stripes)
	return p, err
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

func (r *Reader) evict() {
	for i := 0; len(r.packs) >= maxOpenPacks && i < len(r.used); {
		n := r.used[i]
		if r.packs[n].refs > 0 {
			i++
			continue
		}
		r.packs[n].close()
		delete(r.packs, n)
		r.used = append(r.used[:i], r.used[i+1:]...)
	}
}

// openPage reads, proves and decrypts a page.
func (r *Reader) openPage(n uint64) (*manifest.Page, error) {
	e, err := r.page(n)
	if err != nil {
		return nil, err
	}
	p, done, err := r.pack(packKey{index: true, n: e.IndexPack})
	if err != nil {
		return nil, err
	}
	defer done()
	buf := make([]byte, e.Length)
	if err := p.read(buf, e.Offset); err == nil {
		page, err := manifest.OpenPage(r.keys, p.p.ID, e, buf)
		if err == nil || crypto.SumSHA256(buf) == e.SHA256 {
			return page, err
		}
	}
	if err := p.readProven(buf, e.Offset); err != nil {
		return nil, fmt.Errorf("page %d: %w", n, err)
	}
	return manifest.OpenPage(r.keys, p.p.ID, e, buf)
}

// Entries calls f for every entry in the manifest's order. A page that is lost
// ends it with an error that names the page.
func (r *Reader) Entries(ctx context.Context, f func(Entry) error) error {
	return r.EntriesFrom(ctx, 0, nil, f)
}

// EntriesFrom is Entries for those that begin in a page or later ones. It goes on
// behind a page that is lost if lost is given and returns nil.
func (r *Reader) EntriesFrom(ctx context.Context, page uint64, lost func(page uint64, err error) error, f func(Entry) error) error {
	return r.walk(ctx, page, lost, func(rec *manifest.Record, raw []place) error {
		return f(r.entry(rec, raw))
	})
}

// Pages is how many pages the manifest has, those that hold directories of pages
// among them.
func (r *Reader) Pages() uint64 { return r.End.Pages }

// place is where a raw record stands.
type place struct {
	indexPack manifest.ID
	page      uint64
	index     int
	bytes     []byte
}

// entry adds the salts, which most readers do not need.
func (r *Reader) entry(rec *manifest.Record, raw []place) Entry {
	e := Entry{Record: rec, Raw: make([]Raw, len(raw))}
	for i, p := range raw {
		e.Raw[i] = Raw{Page: p.page, Index: p.index, Bytes: p.bytes, Salt: r.keys.Salt(p.indexPack, p.page, p.index)}
	}
	return e
}

// walk calls f for every entry from a page on. It goes on behind a page that is
// lost if lost is given and returns nil. f must not keep the places.
func (r *Reader) walk(ctx context.Context, page uint64, lost func(page uint64, err error) error, f func(*manifest.Record, []place) error) error {
	var j manifest.Joiner
	var raw []place
	started := page == 0
	for ; page < r.End.Pages; page++ {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		e, err := r.page(page)
		if err != nil {
			return err
		}
		if e.Directory {
			continue
		}
		p, err := r.openPage(page)
		if err != nil && lost != nil && errors.Is(err, ErrLost) {
			if err := lost(page, err); err != nil {
				return err
			}
			j, raw, started = manifest.Joiner{}, nil, false
			continue
		}
		if err != nil {
			return err
		}
		for i, b := range p.Records {
			if !started {
				if _, _, cont, err := manifest.PeekRecord(b); err != nil || cont > 0 {
					if err != nil {
						return err
					}
					continue
				}
				started = true
			}
			raw = append(raw, place{indexPack: p.IndexPack, page: page, index: i, bytes: b})
			rec, err := j.Add(b)
			if err != nil {
				return fmt.Errorf("page %d: record %d: %w", page, i, err)
			}
			if rec == nil {
				continue
			}
			if err := f(rec, raw); err != nil {
				return err
			}
			raw = raw[:0]
		}
	}
	if j.Pending() {
		return fmt.Errorf("%w: the manifest ends inside an entry", manifest.ErrCorrupt)
	}
	return nil
}

const firstPathCut = 1024

// seek returns the number of the record page in which an order key stands or
// would stand: a search in the index entries, then one directory page.
func (r *Reader) seek(key string) (uint64, error) {
	var err error
	cut := key
	if len(cut) > firstPathCut {
		cut = cut[:firstPathCut]
	}
	// The last index pack whose first key is not above ours. Cut keys that are
	// equal do not decide: the pack before may hold ours.
	n := sort.Search(int(r.End.IndexPacks), func(i int) bool {
		if err != nil {
			return true
		}
		var ip *manifest.Pack
		if ip, err = r.indexPack(uint64(i)); err != nil {
			return true
		}
		var first string
		if first, err = r.keys.OpenFirstPath(ip.ID, ip.FirstPath); err != nil {
			return true
		}
		if len(first) == firstPathCut {
			return first >= cut
		}
		return first > key
	})
	if err != nil {
		return 0, err
	}
	ip, err := r.indexPack(uint64(max(0, n-1)))
	if err != nil {
		return 0, err
	}
	dir, err := r.openPage(ip.FirstPage + ip.Pages - 1)
	if err != nil {
		return 0, err
	}
	lines := make([]manifest.DirEntry, len(dir.Records))
	for i, b := range dir.Records {
		if lines[i], err = manifest.DecodeDirEntry(b); err != nil {
			return 0, err
		}
	}
	i := sort.Search(len(lines), func(i int) bool {
		k := lines[i].Key()
		return k > key || k == key && lines[i].Continuation > 0
	})
	return lines[max(0, i-1)].Page, nil
}

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

func isNotFound(err error) bool { return err == ErrNotFound }

func (r *Reader) lookupKey(ctx context.Context, key string) (found Entry, err error) {
	if r.End.IndexPacks == 0 {
		return found, ErrNotFound
	}
	page, err := r.seek(key)
	if err != nil {
		return found, err
	}
	err = r.walk(ctx, page, nil, func(rec *manifest.Record, raw []place) error {
		switch c := manifest.CompareKeys(rec.OrderKey(), key); {
		case c == 0:
			found = r.entry(rec, raw)
			return errStopped
		case c > 0:
			return ErrNotFound
		}
		return nil
	})
	if err == errStopped {
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
	return r.list(ctx, prefix, nil, func(rec *manifest.Record) error { return f(Entry{Record: rec}) })
}

func (r *Reader) list(ctx context.Context, prefix string, lost func(page uint64, err error) error, f func(*manifest.Record) error) error {
	if r.End.IndexPacks == 0 {
		return nil
	}
	page, err := r.seek(prefix)
	if err != nil && lost != nil && errors.Is(err, ErrLost) {
		page, err = 0, nil // the directory page is lost: look through all
	}
	if err != nil {
		return err
	}
	err = r.walk(ctx, page, lost, func(rec *manifest.Record, _ []place) error {
		key := rec.OrderKey()
		if strings.HasPrefix(key, prefix) {
			return f(rec)
		}
		if key > prefix {
			return errStopped
		}
		return nil
	})
	if err == errStopped {
		return nil
	}
	return err
}

// Prove makes the proof of one file.
func (r *Reader) Prove(ctx context.Context, path string) ([]byte, error) {
	e, err := r.Lookup(ctx, path)
	if err != nil {
		return nil, err
	}
	raw := e.Raw[0]
	page, err := r.openPage(raw.Page)
	if err != nil {
		return nil, err
	}
	r.Set.mu.Lock()
	defer r.Set.mu.Unlock()
	p, err := manifest.NewProof(r.keys, r.log, r.JobFile, r.End.FirstPage+raw.Page, page, raw.Index)
	if err != nil {
		return nil, err
	}
	return p.Encode(), nil
}
