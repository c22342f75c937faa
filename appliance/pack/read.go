package pack

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Reader reads a pack's body from any k good blocks of each stripe. The
// quick way takes data blocks as they are and decodes missing ones from the
// first that can be read: what it gives is proven by the caller (the AEAD's tag,
// a page's signed hash), so nothing is hashed here. Where that proof fails, the
// stripe is checked block by block against the signed hashes.
type Reader struct {
	set    *disk.Set
	p      *manifest.Pack
	code   *erasure.Code
	layout erasure.Layout
	count  *Repairs
	cache  *Cache // of stripes

	shards  []lazyShard
	decoded atomic.Bool // some stripe was, so the cache is worth a look

	mu   sync.Mutex
	list []byte // the hash list, once it was needed
}

// Repairs counts what was decoded instead of read.
type Repairs struct {
	mu     sync.Mutex
	blocks uint64
	bad    map[string]uint64 // place → blocks
}

const maxPlaces = 1000

func (r *Repairs) add(place string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.blocks++
	if _, ok := r.bad[place]; ok || len(r.bad) < maxPlaces {
		if r.bad == nil {
			r.bad = map[string]uint64{}
		}
		r.bad[place]++
	}
}

// Counts are the decoded blocks, and how many of them are of each place.
func (r *Repairs) Counts() (blocks uint64, places map[string]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	places = maps.Clone(r.bad)
	if places == nil {
		places = map[string]uint64{}
	}
	return r.blocks, places
}

// NewReader reads one pack alone, with two decoded stripes kept.
func NewReader(set *disk.Set, p *manifest.Pack, count *Repairs) (*Reader, error) {
	stripe := int64(p.Geometry.K) * int64(p.Geometry.BlockSize)
	return OpenReader(set, p, count, NewCache(2*stripe))
}

// OpenReader shares the cache of decoded stripes with other packs.
func OpenReader(set *disk.Set, p *manifest.Pack, count *Repairs, cache *Cache) (*Reader, error) {
	code, err := set.Code(p.Geometry)
	if err != nil {
		return nil, err
	}
	n := p.Geometry.K + p.Geometry.M
	return &Reader{set: set, p: p, code: code, layout: LayoutOf(p), count: count, cache: cache, shards: make([]lazyShard, n)}, nil
}

func (r *Reader) Close() {
	for i := range r.shards {
		r.shards[i].close()
	}
}

// Read fills dst from the body at off without proving the bytes.
func (r *Reader) Read(dst []byte, off int64) error {
	return r.eachBlock(dst, off, func(part []byte, stripe, in int64, shard int) error {
		if r.decoded.Load() && r.fromCache(part, stripe, in, shard) {
			return nil
		}
		if err := r.readShard(part, stripe*r.layout.Block+in, shard); err == nil || disk.OwnFault(err) {
			return err
		}
		return r.decode(part, stripe, in, shard)
	})
}

// ReadProven fills dst from blocks whose signed hashes have been compared.
func (r *Reader) ReadProven(dst []byte, off int64) error {
	return r.eachBlock(dst, off, func(part []byte, stripe, in int64, shard int) error {
		s, err := r.provenStripe(stripe)
		if err != nil {
			return err
		}
		copy(part, s.data[int64(shard)*r.layout.BlockLen(stripe)+in:])
		r.cache.Put(s)
		return nil
	})
}

// Hint tells the disks that a range of the body is read soon.
func (r *Reader) Hint(off, n int64) {
	for n = min(n, r.p.BodySize-off); n > 0; {
		stripe, in := r.layout.StripeOf(off)
		size := r.layout.BlockLen(stripe)
		at := in % size
		run := min(n, size-at)
		if f := r.shard(int(in / size)); f != nil {
			vfs.Prefetch(f, stripe*r.layout.Block+at, run)
		}
		off, n = off+run, n-run
	}
}

// eachBlock cuts a range of the body at block bounds.
func (r *Reader) eachBlock(dst []byte, off int64, f func(part []byte, stripe, in int64, shard int) error) error {
	if off < 0 || int64(len(dst)) > r.p.BodySize-off {
		return fmt.Errorf("%w: pack %d: range beyond the body", manifest.ErrCorrupt, r.p.Number)
	}
	for len(dst) > 0 {
		stripe, in := r.layout.StripeOf(off)
		size := r.layout.BlockLen(stripe)
		shard := in / size
		at := in % size
		n := min(int64(len(dst)), size-at)
		if err := f(dst[:n], stripe, at, int(shard)); err != nil {
			return err
		}
		dst, off = dst[n:], off+n
	}
	return nil
}

func (r *Reader) key(stripe, column int64, proven bool) Key {
	return Key{set: r.set, index: r.p.IsIndex(), pack: r.p.Number, n: stripe, column: column, proven: proven}
}

func (r *Reader) place(shard int) string {
	return fmt.Sprintf("bay %d", r.p.Bays[shard])
}

// provenStripe returns the k data blocks of a stripe, each compared with its
// signed hash; the caller puts it back into the cache.
func (r *Reader) provenStripe(stripe int64) (*Cached, error) {
	s := r.cache.Get(r.key(stripe, 0, true), r.layout.K*int(r.layout.BlockLen(stripe)))
	s.once.Do(func() {
		if s.err = r.needList(); s.err == nil {
			s.data, s.err = s.buf, r.recover(s.buf, stripe)
		}
	})
	if s.err != nil {
		err := s.err
		r.cache.Put(s)
		return nil, err
	}
	return s, nil
}

func (r *Reader) needList() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.list != nil {
		return nil
	}
	list, err := HashList(r.set, r.p, r.code)
	if disk.OwnFault(err) {
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", disk.ErrLost, err)
	}
	r.list = list
	return nil
}

// recover fills data with a stripe's data blocks and decodes what is missing or bad.
func (r *Reader) recover(data []byte, stripe int64) error {
	k, n := r.layout.K, r.layout.K+r.layout.M
	size := r.layout.BlockLen(stripe)
	blocks := make([][]byte, n)
	var missing []int
	for i := range k {
		blocks[i] = data[int64(i)*size : int64(i+1)*size : int64(i+1)*size]
		if own := r.unasked(i); own != nil {
			return own
		}
		if _, good := r.readBlock(blocks[i], stripe, i); !good {
			r.count.add(r.place(i))
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	ok, err := r.fill(stripe, blocks, missing)
	if err == nil && !ok {
		err = r.lost(stripe, len(missing))
	}
	return err
}

// lost is the error of a stripe that cannot be restored, unless this process could
// not ask all disks for its shards.
func (r *Reader) lost(stripe int64, missing int) error {
	return r.set.Fault.Or(fmt.Errorf("%w: pack %d: stripe %d: %d of %d data blocks are bad or missing and parity cannot restore them", disk.ErrLost, r.p.Number, stripe, missing, r.layout.K))
}

const maxDecodeTries = 1000

// fill decodes the missing data blocks in place from the others and parity,
// trying parity subsets: those with a good CRC first. What is decoded must have
// the signed hashes.
func (r *Reader) fill(stripe int64, blocks [][]byte, missing []int) (bool, error) {
	k, m := r.layout.K, r.layout.M
	size := r.layout.BlockLen(stripe)
	var clean, other []int
	parity := make([][]byte, m)
	for j := range m {
		parity[j] = make([]byte, size)
		switch read, good := r.readBlock(parity[j], stripe, k+j); {
		case !read:
			parity[j] = nil
		case good:
			clean = append(clean, j)
		default:
			other = append(other, j)
		}
	}
	order := append(clean, other...)
	if len(order) < len(missing) {
		return false, nil
	}
	tries := 0
	found := false
	err := choose(len(order), len(missing), func(pick []int) (bool, error) {
		if tries++; tries > maxDecodeTries {
			return true, fmt.Errorf("%w: pack %d: stripe %d: not decided after %d tries", disk.ErrLost, r.p.Number, stripe, maxDecodeTries)
		}
		trial := make([][]byte, k+m)
		copy(trial, blocks[:k])
		for _, i := range missing {
			trial[i] = nil
		}
		for _, at := range pick {
			trial[k+order[at]] = parity[order[at]]
		}
		if err := r.code.DecodeData(trial); err != nil {
			return true, err
		}
		for _, i := range missing {
			if !blockGood(r.layout, r.list, stripe, i, trial[i]) {
				return false, nil
			}
		}
		for _, i := range missing {
			copy(blocks[i], trial[i])
		}
		found = true
		return true, nil
	})
	return found, err
}

// choose calls f for every choice of want out of n, in lexical order, until it
// returns true.
func choose(n, want int, f func(pick []int) (bool, error)) error {
	pick := make([]int, want)
	for i := range pick {
		pick[i] = i
	}
	for {
		done, err := f(pick)
		if done || err != nil {
			return err
		}
		i := want - 1
		for i >= 0 && pick[i] == n-want+i {
			i--
		}
		if i < 0 {
			return nil
		}
		pick[i]++
		for j := i + 1; j < want; j++ {
			pick[j] = pick[j-1] + 1
		}
	}
}

// block returns any one block of a stripe, data or parity, proven; parity is
// encoded again from proven data. Rebuild uses it.
func (r *Reader) block(stripe int64, shard int) ([]byte, error) {
	s, err := r.provenStripe(stripe)
	if err != nil {
		return nil, err
	}
	defer r.cache.Put(s)
	k, m := r.layout.K, r.layout.M
	size := r.layout.BlockLen(stripe)
	blocks := make([][]byte, k+m)
	for i := range k {
		blocks[i] = s.data[int64(i)*size : int64(i+1)*size : int64(i+1)*size]
	}
	if shard < k {
		return append([]byte(nil), blocks[shard]...), nil
	}
	for j := range m {
		blocks[k+j] = make([]byte, size)
	}
	if err := r.code.Encode(blocks); err != nil {
		return nil, err
	}
	return blocks[shard], nil
}

// Entry is the pack's entry of the log.
func (r *Reader) Entry() *manifest.Pack { return r.p }

// StripeLen is how much of the body a stripe holds.
func (r *Reader) StripeLen() int64 { return int64(r.layout.K) * r.layout.Block }

// Proven returns the hash list, which has the signed root.
func (r *Reader) Proven() ([]byte, error) {
	err := r.needList()
	return r.list, err
}

// OpenPlain is OpenReader of a pack whose segments dec decrypts; nil for an index pack.
func OpenPlain(set *disk.Set, p *manifest.Pack, dec *crypto.FloeDecryptor, count *Repairs, cache *Cache) (*Plain, error) {
	r, err := OpenReader(set, p, count, cache)
	if err != nil {
		return nil, err
	}
	return &Plain{r, dec}, nil
}

// Plain decrypts a pack's segments.
type Plain struct {
	*Reader
	dec *crypto.FloeDecryptor // nil for an index pack
}

// Segment reads segment n into enc, which has a segment's size, and decrypts it
// into dst; with dst nil in place, so that the plaintext lies in enc.
func (p *Plain) Segment(dst, enc []byte, n uint64) ([]byte, error) {
	if n >= p.p.Segments {
		return nil, fmt.Errorf("%w: pack %d has no segment %d", manifest.ErrCorrupt, p.p.Number, n)
	}
	off := int64(n) * crypto.SegmentSize
	size := min(p.p.BodySize-off, crypto.SegmentSize)
	final := n == p.p.Segments-1
	if s, run := p.view(off, size); s != nil {
		to := dst
		if to == nil {
			to = enc
		}
		out, err := p.dec.DecryptSegment(to, run, n, final)
		p.cache.Put(s)
		if err == nil {
			return out, nil
		}
	}
	enc = enc[:size]
	err := p.Read(enc, off)
	if err == nil {
		p.Hint(off+int64(p.layout.K)*p.layout.Block, size) // the same disks, a stripe later
		var out []byte
		if out, err = p.dec.DecryptSegment(dst, enc, n, final); err == nil {
			return out, nil
		}
	}
	if perr := p.ReadProven(enc, off); perr != nil {
		return nil, perr
	}
	out, err := p.dec.DecryptSegment(dst, enc, n, final)
	if err != nil {
		return nil, fmt.Errorf("pack %d: segment %d: blocks match their signed hashes but do not decrypt: %w", p.p.Number, n, err)
	}
	return out, nil
}
