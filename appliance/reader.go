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
	packs map[uint64]*packPlain
	used  []uint64 // packs, least recently used first

	cache segmentCache
}

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
	r := &Reader{Set: s, keys: manifest.NewKeys(k, s.Scope), count: &repairs{}, packs: map[uint64]*packPlain{}}
	r.cache.init()
	var err error
	r.totals, err = r.keys.OpenTotals(s.End.Totals)
	return r, err
}

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
	r.packs, r.used = map[uint64]*packPlain{}, nil
	return nil
}

const maxOpenPacks = 24

// pack returns an open pack and a function that gives it back.
func (r *Reader) pack(n uint64) (*packPlain, func(), error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.packs[n]
	if p == nil {
		entry, err := r.Pack(n)
		if err != nil {
			return nil, nil, err
		}
		if p, err = newPackPlain(r.set, entry, r.keys, r.count); err != nil {
			return nil, nil, err
		}
		r.evict()
		r.packs[n] = p
	}
	r.touch(n)
	p.refs++
	return p, func() {
		r.mu.Lock()
		p.refs--
		r.mu.Unlock()
	}, nil
}

func (r *Reader) touch(n uint64) {
	for i, u := range r.used {
		if u == n {
			r.used = append(r.used[:i], r.used[i+1:]...)
			break
		}
	}
	r.used = append(r.used, n)
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
	ip, err := r.indexPack(e.IndexPack)
	if err != nil {
		return nil, err
	}
	pr, err := newPackReader(r.set, ip, r.count)
	if err != nil {
		return nil, err
	}
	defer pr.close()
	buf := make([]byte, e.Length)
	if err := pr.read(buf, e.Offset); err == nil && crypto.SumSHA256(buf) == e.SHA256 {
		return manifest.OpenPage(r.keys, ip.ID, e, buf)
	}
	if err := pr.readProven(buf, e.Offset); err != nil {
		return nil, fmt.Errorf("page %d: %w", n, err)
	}
	return manifest.OpenPage(r.keys, ip.ID, e, buf)
}

// Entries calls f for every entry in the manifest's order. A page that is lost
// ends it with an error that names the page.
func (r *Reader) Entries(ctx context.Context, f func(Entry) error) error {
	return r.entriesFrom(ctx, 0, nil, f)
}

// entriesFrom goes on behind a page that is lost if lost is given and returns nil.
func (r *Reader) entriesFrom(ctx context.Context, page uint64, lost func(page uint64, err error) error, f func(Entry) error) error {
	var j manifest.Joiner
	var raw []Raw
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
			raw = append(raw, Raw{Page: page, Index: i, Bytes: b, Salt: r.keys.Salt(p.IndexPack, page, i)})
			rec, err := j.Add(b)
			if err != nil {
				return fmt.Errorf("page %d: record %d: %w", page, i, err)
			}
			if rec == nil {
				continue
			}
			if err := f(Entry{Record: rec, Raw: raw}); err != nil {
				return err
			}
			raw = nil
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
	err = r.entriesFrom(ctx, page, nil, func(e Entry) error {
		switch c := manifest.CompareKeys(e.Record.OrderKey(), key); {
		case c == 0:
			found = e
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

// List calls f for every entry whose path begins with prefix.
func (r *Reader) List(ctx context.Context, prefix string, f func(Entry) error) error {
	return r.list(ctx, prefix, nil, f)
}

func (r *Reader) list(ctx context.Context, prefix string, lost func(page uint64, err error) error, f func(Entry) error) error {
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
	err = r.entriesFrom(ctx, page, lost, func(e Entry) error {
		key := e.Record.OrderKey()
		if strings.HasPrefix(key, prefix) {
			return f(e)
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
