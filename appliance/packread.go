package appliance

import (
	"fmt"
	"sync"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// packReader reads a pack's body from any k good blocks of each stripe. The
// quick way takes data blocks as they are, for the AEAD proves them; a stripe
// with a block missing is decoded, and what was decoded is compared with the
// signed hashes; a stripe that a tag has refused is checked block by block.
type packReader struct {
	set    *diskSet
	p      *manifest.Pack
	code   *erasure.Code
	layout erasure.Layout
	count  *repairs

	mu      sync.Mutex
	files   []vfs.File
	list    []byte
	stripes [2]stripeCache // decoded data, most recent first
	refs    int
}

type stripeCache struct {
	stripe int64
	data   []byte // k blocks
	proven bool   // every block was compared with its signed hash
}

// repairs counts what was decoded instead of read.
type repairs struct {
	mu     sync.Mutex
	blocks uint64
	bad    map[string]uint64 // place → blocks
}

const maxPlaces = 1000

func (r *repairs) add(place string) {
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

func newPackReader(set *diskSet, p *manifest.Pack, count *repairs) (*packReader, error) {
	code, err := set.code(p.Geometry)
	if err != nil {
		return nil, err
	}
	r := &packReader{set: set, p: p, code: code, layout: layoutOf(p), count: count}
	r.files = make([]vfs.File, p.Geometry.K+p.Geometry.M)
	for i := range r.files {
		f, err := set.openShard(p, i)
		if err != nil {
			continue
		}
		r.files[i] = f
	}
	return r, nil
}

func (r *packReader) close() {
	for _, f := range r.files {
		if f != nil {
			f.Close()
		}
	}
}

// read fills dst from the body at off without proving the bytes.
func (r *packReader) read(dst []byte, off int64) error {
	return r.eachBlock(dst, off, func(part []byte, stripe, in int64, shard int) error {
		if f := r.files[shard]; f != nil {
			if _, err := f.ReadAt(part, stripe*r.layout.Block+in); err == nil {
				return nil
			}
		}
		return r.decoded(part, stripe, int64(shard)*r.layout.BlockLen(stripe)+in, false)
	})
}

// readProven fills dst from blocks whose signed hashes have been compared.
func (r *packReader) readProven(dst []byte, off int64) error {
	return r.eachBlock(dst, off, func(part []byte, stripe, in int64, shard int) error {
		return r.decoded(part, stripe, int64(shard)*r.layout.BlockLen(stripe)+in, true)
	})
}

// eachBlock cuts a range of the body at block bounds.
func (r *packReader) eachBlock(dst []byte, off int64, f func(part []byte, stripe, in int64, shard int) error) error {
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

// decoded copies a run of a stripe's data blocks to dst.
func (r *packReader) decoded(dst []byte, stripe, at int64, prove bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	data, err := r.decode(stripe, prove)
	if err == nil {
		copy(dst, data[at:])
	}
	return err
}

// decode returns the k data blocks of a stripe; the caller holds mu and the
// slice is valid until it lets go.
func (r *packReader) decode(stripe int64, prove bool) ([]byte, error) {
	for i, c := range r.stripes {
		if c.data != nil && c.stripe == stripe && (c.proven || !prove) {
			if i == 1 {
				r.stripes[0], r.stripes[1] = r.stripes[1], r.stripes[0]
			}
			return c.data, nil
		}
	}
	if r.list == nil {
		list, err := r.set.hashList(r.p, r.code)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrLost, err)
		}
		r.list = list
	}
	data, err := r.recover(stripe, prove)
	if err != nil {
		return nil, err
	}
	r.stripes[1] = r.stripes[0]
	r.stripes[0] = stripeCache{stripe, data, prove}
	return data, nil
}

// recover reads a stripe and decodes what is missing or bad.
func (r *packReader) recover(stripe int64, prove bool) ([]byte, error) {
	k, n := r.layout.K, r.layout.K+r.layout.M
	size := r.layout.BlockLen(stripe)
	data := make([]byte, int64(k)*size)
	blocks := make([][]byte, n)
	var missing []int
	for i := range k {
		blocks[i] = data[int64(i)*size : int64(i+1)*size : int64(i+1)*size]
		if !r.readBlock(blocks[i], stripe, i) || prove && !blockGood(r.layout, r.list, stripe, i, blocks[i]) {
			r.count.add(r.place(i))
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return data, nil
	}
	if !prove && len(missing) <= r.layout.M {
		if ok, err := r.fill(stripe, blocks, missing, false); err == nil && ok {
			return data, nil
		}
		return r.recover(stripe, true)
	}
	ok, err := r.fill(stripe, blocks, missing, true)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("%w: pack %d: stripe %d: %d of %d data blocks are bad or missing and parity cannot restore them", ErrLost, r.p.Number, stripe, len(missing), k)
	}
	return data, nil
}

func (r *packReader) place(shard int) string {
	return fmt.Sprintf("bay %d", r.p.Bays[shard])
}

func (r *packReader) readBlock(dst []byte, stripe int64, shard int) bool {
	f := r.files[shard]
	if f == nil {
		return false
	}
	_, err := f.ReadAt(dst, stripe*r.layout.Block)
	return err == nil
}

const maxDecodeTries = 1000

// fill decodes the missing data blocks in place from the others and parity,
// trying parity subsets: those with a good CRC first. What is decoded must have
// the signed hashes.
func (r *packReader) fill(stripe int64, blocks [][]byte, missing []int, all bool) (bool, error) {
	k, m := r.layout.K, r.layout.M
	size := r.layout.BlockLen(stripe)
	var clean, other []int
	parity := make([][]byte, m)
	for j := range m {
		parity[j] = make([]byte, size)
		if !r.readBlock(parity[j], stripe, k+j) {
			parity[j] = nil
		} else if blockGood(r.layout, r.list, stripe, k+j, parity[j]) {
			clean = append(clean, j)
		} else {
			other = append(other, j)
		}
	}
	order := clean
	if all {
		order = append(order, other...)
	}
	if len(order) < len(missing) {
		return false, nil
	}
	tries := 0
	found := false
	err := choose(len(order), len(missing), func(pick []int) (bool, error) {
		if tries++; tries > maxDecodeTries {
			return true, fmt.Errorf("%w: pack %d: stripe %d: not decided after %d tries", ErrLost, r.p.Number, stripe, maxDecodeTries)
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
func (r *packReader) block(stripe int64, shard int) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	data, err := r.decode(stripe, true)
	if err != nil {
		return nil, err
	}
	k, m := r.layout.K, r.layout.M
	size := r.layout.BlockLen(stripe)
	blocks := make([][]byte, k+m)
	for i := range k {
		blocks[i] = data[int64(i)*size : int64(i+1)*size : int64(i+1)*size]
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

// packPlain decrypts a pack's segments.
type packPlain struct {
	*packReader
	dec *crypto.FloeDecryptor
}

func newPackPlain(set *diskSet, p *manifest.Pack, keys *manifest.Keys, count *repairs) (*packPlain, error) {
	dec, err := crypto.NewFloeDecryptor(crypto.DefaultFloe(), keys.PackKey(p.ID), keys.Scope.PackAD(p.ID), p.Header)
	if err != nil {
		return nil, fmt.Errorf("pack %d: %w", p.Number, err)
	}
	r, err := newPackReader(set, p, count)
	if err != nil {
		return nil, err
	}
	return &packPlain{r, dec}, nil
}

// segment decrypts segment n into dst; enc is scratch of a segment's size.
func (p *packPlain) segment(dst, enc []byte, n uint64) ([]byte, error) {
	off := int64(n) * crypto.SegmentSize
	size := min(p.p.BodySize-off, crypto.SegmentSize)
	if size < crypto.SegmentOverhead {
		return nil, fmt.Errorf("%w: pack %d has no segment %d", manifest.ErrCorrupt, p.p.Number, n)
	}
	final := n == p.p.Segments-1
	err := p.read(enc[:size], off)
	if err == nil {
		var out []byte
		if out, err = p.dec.DecryptSegment(dst, enc[:size], n, final); err == nil {
			return out, nil
		}
	}
	if perr := p.readProven(enc[:size], off); perr != nil {
		return nil, perr
	}
	out, err := p.dec.DecryptSegment(dst, enc[:size], n, final)
	if err != nil {
		return nil, fmt.Errorf("pack %d: segment %d: blocks match their signed hashes but do not decrypt: %w", p.p.Number, n, err)
	}
	return out, nil
}
