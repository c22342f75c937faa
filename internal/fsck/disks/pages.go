package disks

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"

	"github.com/klauspost/reedsolomon"

	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// pages checks the ciphertext of every page against its entry. A page is read
// straight from the data shards; only where that fails are stripes proven and
// decoded.
func (v *Check) pages(ctx context.Context) error {
	v.progress.Enter("pages")
	v.progress.Done.Store(0)
	total := int64(0)
	for _, n := range v.counts.IndexBody {
		total += n
	}
	v.progress.Total.Store(total)
	c := &v.counts
	return v.pool(ctx, func(ctx context.Context, send func(*wire.PackEntry) error) error {
		return v.log.Clone().Each(ctx, c.FirstIndex, c.FirstIndex+c.Indexes, func(_ int64, raw []byte) error {
			e, err := wire.ParseEntry(raw)
			if err != nil || e.Pack == nil {
				return err
			}
			return send(e.Pack)
		})
	}, func(ctx context.Context, w *worker, p *wire.PackEntry) error {
		return w.checkPages(ctx, p)
	})
}

// pageReader reads one index pack's body.
type pageReader struct {
	*packScan
	w      *worker
	shards [][]shardCopy
}

func (w *worker) checkPages(ctx context.Context, p *wire.PackEntry) error {
	r := &pageReader{w: w, shards: w.v.openShards(p, true)}
	defer r.close()
	from := w.v.counts.FirstPage + int64(p.FirstPage)
	return w.v.log.Clone().Each(ctx, from, from+int64(p.PageCount), func(_ int64, raw []byte) error {
		e, err := wire.ParseEntry(raw)
		if err != nil || e.Page == nil {
			return err
		}
		w.v.progress.Done.Add(e.Page.Length)
		return r.check(p, e.Page)
	})
}

func (r *pageReader) close() {
	closeShards(r.shards)
	if r.packScan != nil {
		r.packScan.close()
	}
}

// check hashes one page and looks at the zeros after it.
func (r *pageReader) check(p *wire.PackEntry, e *wire.PageEntry) error {
	end := min(wire.Ceil4k(e.Offset+e.Length), p.Geometry.Body)
	sum, zero, err := r.sum(p, e, end, r.readStored)
	if err == nil && sum == e.Sha256 && zero {
		return nil
	}
	if err := r.prove(p); err != nil {
		return err
	}
	if r.list == nil {
		r.w.v.lostList(p)
		r.w.v.f.Add(findings.Lost, "page-lost", findings.InPack(p), "", "page %d: hash list is lost, page cannot be decoded", e.Number)
		return nil
	}
	sum, zero, err = r.sum(p, e, end, r.readProven)
	switch {
	case errors.Is(err, errStripeLost):
		r.w.v.f.Add(findings.Lost, "page-lost", findings.InPack(p), "", "page %d: its bytes cannot be decoded: the records in it are lost", e.Number)
	case err != nil:
		return err
	case sum != e.Sha256:
		r.w.v.f.Add(findings.Fatal, "page-bad", findings.InPack(p), findings.HintRefuse, "page %d: its bytes are as signed in the hash list, but not as in the page entry", e.Number)
	case !zero:
		r.w.v.f.Add(findings.Fatal, "padding-not-zero", findings.InPack(p), findings.HintRefuse, "bytes after page %d are not zero", e.Number)
	}
	return nil
}

type bodyRead func(p *wire.PackEntry, off, n int64, fn func([]byte)) error

func (r *pageReader) sum(p *wire.PackEntry, e *wire.PageEntry, end int64, read bodyRead) (sum [32]byte, zero bool, err error) {
	h := sha256.New()
	if err := read(p, e.Offset, e.Length, func(b []byte) { h.Write(b) }); err != nil {
		return sum, false, err
	}
	zero = true
	err = read(p, e.Offset+e.Length, end-e.Offset-e.Length, func(b []byte) { zero = zero && wire.AllZero(b) })
	return [32]byte(hash.Hash(h).Sum(nil)), zero, err
}

// readStored reads a range of the body as the first copies have it.
func (r *pageReader) readStored(p *wire.PackEntry, off, n int64, fn func([]byte)) error {
	g := p.Geometry
	buf := r.w.buffer(windowSize)
	for n > 0 {
		stripe, block, at, left := g.Locate(off)
		size := min(n, left)
		if len(r.shards[block]) == 0 {
			return fmt.Errorf("shard %d is missing", block)
		}
		if err := eachSlice(r.shards[block][0].f, stripe*g.BlockSize+at, size, buf, fn); err != nil {
			return err
		}
		r.w.v.bytes.Add(size)
		off, n = off+size, n-size
	}
	return nil
}

// prove opens the pack anew with its hash list. When all blocks are checked
// later, their damage is named then and not here.
func (r *pageReader) prove(p *wire.PackEntry) error {
	if r.packScan != nil {
		return nil
	}
	var err error
	r.packScan, err = r.w.newScan(p, r.w.v.disksToo)
	return err
}

var errStripeLost = errors.New("stripe is lost")

// readProven reads a range of the body from blocks that are proven or decoded
// from such.
func (r *pageReader) readProven(p *wire.PackEntry, off, n int64, fn func([]byte)) error {
	for n > 0 {
		stripe, block, at, left := r.g.Locate(off)
		size := min(n, left, sliceSize)
		if r.cache.stripe != stripe {
			if err := r.examine(stripe); err != nil {
				return err
			}
		}
		b, err := r.cache.read(r.packScan, block, stripe*r.g.BlockSize+at, size)
		if err != nil {
			return err
		}
		fn(b)
		off, n = off+size, n-size
	}
	return nil
}

// read gives bytes of one data block of an examined stripe.
func (e *examined) read(s *packScan, block int, off, n int64) ([]byte, error) {
	if e.good>>block&1 == 1 {
		b := s.w.slices[block][:n]
		return b, e.source[block].f.ReadFull(b, off)
	}
	if !e.decided {
		return nil, errStripeLost
	}
	enc, err := s.w.decoder(s.g)
	if err != nil {
		return nil, err
	}
	return e.decode(enc, s, block, off, n)
}

func (e *examined) decode(enc reedsolomon.Encoder, s *packScan, block int, off, n int64) ([]byte, error) {
	shards := make([][]byte, s.g.Shards())
	required := make([]bool, s.g.Shards())
	required[block] = true
	for j := range shards {
		shards[j] = s.w.slices[j][:0]
		if e.inputs>>j&1 == 1 {
			shards[j] = s.w.slices[j][:n]
			if err := e.source[j].f.ReadFull(shards[j], off); err != nil {
				return nil, err
			}
		}
	}
	if err := enc.ReconstructSome(shards, required); err != nil {
		return nil, err
	}
	return shards[block], nil
}
