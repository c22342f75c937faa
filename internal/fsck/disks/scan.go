package disks

import (
	"bytes"
	"context"
	"math/bits"

	"github.com/klauspost/reedsolomon"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// packScan checks every block of one pack.
//
// Each shard is one long row of bytes and the code works byte by byte, so the
// rows are taken in runs, without regard to stripes: of the shards at hand any
// k are inputs, the other m are computed. If all k data blocks of a stripe,
// stored or computed, have their signed SHA-256, the stripe is proven, and a
// stored block that is not an input is bad exactly if it differs from the
// computed one. Only a stripe that fails this is looked at alone (stripe.go).
// One pass thus hashes each data block once and codes once, damaged or not.
type packScan struct {
	w       *worker
	p       *wire.PackEntry
	g       wire.Geometry
	shards  [][]shardCopy
	list    *hashList
	coder   reedsolomon.Encoder
	quiet   bool
	suspect uint32 // shards that had bad blocks: inputs only if need be
	bad     [wire.MaxShards]int64
	lucky   uint32                 // parity blocks that decoded the last stripe
	widened uint32                 // shards for which all disks have been searched
	padding bool                   // padding that is not zero was seen
	sums    [wire.MaxShards]uint64 // CRCs of the first stripe's parity
	unit    unit
	cache   examined
}

// unit is a run, or a stripe if that is longer: inputs never change within.
type unit struct {
	first   int64 // first stripe
	inputs  uint32
	have    uint32
	stripes []stripeState
}

type stripeState struct {
	failed bool
	differ uint32
}

func (w *worker) newScan(p *wire.PackEntry, quiet bool) (*packScan, error) {
	c, err := w.coder(p.Geometry)
	if err != nil {
		return nil, err
	}
	s := &packScan{w: w, p: p, g: p.Geometry, coder: c.fast, quiet: quiet, cache: examined{stripe: -1}}
	s.shards = w.v.openShards(p, quiet)
	s.list = w.findList(p, s.shards, quiet)
	return s, nil
}

func (s *packScan) close() {
	closeShards(s.shards)
	if s.list != nil {
		s.list.close()
	}
	s.w.v.f.ClosePack(s.p)
}

// packs checks all packs, index packs last.
func (v *Check) packs(ctx context.Context) error {
	v.progress.Enter("disks")
	v.progress.Done.Store(0)
	v.progress.Total.Store(v.counts.Stored)
	odd := &oddShards{}
	err := v.pool(ctx, func(ctx context.Context, send func(*wire.PackEntry) error) error {
		return v.eachPack(ctx, send)
	}, func(ctx context.Context, w *worker, p *wire.PackEntry) error {
		return w.scanPack(ctx, p, odd)
	})
	if err != nil {
		return err
	}
	v.together.name(v)
	return odd.identify(ctx, v, v.eachPack)
}

// eachPack gives the entries of packs, then of index packs.
func (v *Check) eachPack(ctx context.Context, fn func(*wire.PackEntry) error) error {
	c := &v.counts
	take := func(_ int64, raw []byte) error {
		e, err := wire.ParseEntry(bytes.Clone(raw))
		if err != nil || e.Pack == nil {
			return err
		}
		return fn(e.Pack)
	}
	if err := v.log.Each(ctx, c.FirstPack, c.FirstPack+c.Packs, take); err != nil {
		return err
	}
	return v.log.Each(ctx, c.FirstIndex, c.FirstIndex+c.Indexes, take)
}

func (w *worker) scanPack(ctx context.Context, p *wire.PackEntry, odd *oddShards) error {
	s, err := w.newScan(p, false)
	if err != nil {
		return err
	}
	defer s.close()
	if s.list == nil {
		w.v.lostList(p)
		w.v.f.Add(findings.Lost, "hashlist-lost", findings.InPack(p), "", "hash list is lost: its blocks cannot be checked without the key")
	} else if err := s.run(ctx); err != nil {
		return err
	}
	for j, n := range s.bad {
		if n == s.g.Stripes() && len(s.shards[j]) > 0 {
			odd.add(s, j)
		}
	}
	w.v.progress.Packs.Add(1)
	return nil
}

// run reads all shards side by side.
func (s *packScan) run(ctx context.Context) error {
	size := runSize(s.w.v.o.ReadSize, s.w.v.o.Workers, s.g.Shards())
	s.w.arena = grow(s.w.arena, 2*s.g.Shards(), size)
	s.w.scratch = grow(s.w.scratch, s.g.Shards(), chunkSize)
	lanes := startLanes(ctx, s.shards, s.g.ShardLen(), size, s.w.arena, &s.w.v.bytes)
	defer lanes.close()
	data := make([][]byte, s.g.Shards())
	bufs := make([][]byte, s.g.Shards())
	for off := int64(0); off < s.g.ShardLen(); off += size {
		want := min(size, s.g.ShardLen()-off)
		var have, short uint32
		for j, l := range lanes.lanes {
			if l == nil {
				continue
			}
			var r laneRun
			select {
			case r = <-l.runs:
			case <-ctx.Done():
				return ctx.Err()
			}
			data[j], bufs[j] = r.data, r.buf
			if int64(len(r.data)) == want {
				have |= 1 << j
			} else if !r.ended {
				short |= 1 << j
			}
		}
		if err := s.take(off, want, data, have, short); err != nil {
			return err
		}
		for j, l := range lanes.lanes {
			if l != nil {
				l.free <- bufs[j]
			}
		}
		s.w.v.progress.Done.Add(want * int64(s.g.Shards()))
	}
	return nil
}

// take works on bytes [off, off+want) of all shards.
func (s *packScan) take(off, want int64, data [][]byte, have, short uint32) error {
	u := &s.unit
	if off%s.g.BlockSize == 0 {
		s.begin(off, want, have)
	}
	if have != u.have || short != 0 || bits.OnesCount32(u.have) < s.g.K {
		for i := range u.stripes {
			u.stripes[i].failed = true
		}
	} else {
		for at := int64(0); at < want; at += chunkSize {
			if err := s.code(off+at, at, min(chunkSize, want-at), data); err != nil {
				return err
			}
		}
	}
	if end := off + want; end%s.g.BlockSize == 0 || end == s.g.ShardLen() {
		return s.finish()
	}
	return nil
}

func (s *packScan) begin(off, want int64, have uint32) {
	u := &s.unit
	u.first, u.have = off/s.g.BlockSize, have
	u.inputs = s.choose(have)
	count := max(1, (want+s.g.BlockSize-1)/s.g.BlockSize)
	u.stripes = append(u.stripes[:0], make([]stripeState, count)...)
	s.w.hashes.reset(s.g.K)
}

// choose takes k inputs: data before parity, shards without a history first.
func (s *packScan) choose(have uint32) uint32 {
	if in := firstBits(have&^s.suspect, s.g.K); in != 0 {
		return in
	}
	in := have &^ s.suspect
	rest := firstBits(have&s.suspect, s.g.K-bits.OnesCount32(in))
	return in | rest
}

// code computes the m shards that are not inputs and compares.
func (s *packScan) code(pos, at, n int64, data [][]byte) error {
	shards := append(s.w.chunk[:0], make([][]byte, s.g.Shards())...)
	s.w.chunk = shards
	for j := range shards {
		if s.unit.inputs>>j&1 == 1 {
			shards[j] = data[j][at : at+n]
		} else {
			shards[j] = s.w.scratch[j][:0]
		}
	}
	if err := s.compute(shards, n); err != nil {
		return err
	}
	if err := s.hash(pos, shards[:s.g.K]); err != nil {
		return err
	}
	for j := range shards {
		if others := s.unit.have &^ s.unit.inputs; others>>j&1 == 1 && !bytes.Equal(shards[j], data[j][at:at+n]) {
			s.differ(j, pos, shards[j], data[j][at:at+n])
		}
	}
	if pos < s.g.BlockLen(0) {
		s.sumParity(shards, min(n, s.g.BlockLen(0)-pos))
	}
	if pos+n > s.g.Full*s.g.BlockSize {
		s.checkPadding(pos, shards)
	}
	return nil
}

func (s *packScan) compute(shards [][]byte, n int64) error {
	switch {
	case s.g.M == 0:
		return nil
	case s.unit.inputs == s.g.DataMask():
		for j := s.g.K; j < len(shards); j++ {
			shards[j] = shards[j][:n]
		}
		return s.coder.Encode(shards)
	}
	return s.coder.Reconstruct(shards)
}

// hash adds bytes of the data blocks at pos, which may belong to several stripes.
func (s *packScan) hash(pos int64, data [][]byte) error {
	size := int64(len(data[0]))
	for at := int64(0); at < size; {
		stripe := (pos + at) / s.g.BlockSize
		length := s.g.BlockLen(stripe)
		in := pos + at - stripe*s.g.BlockSize
		n := min(size-at, length-in)
		s.w.hashes.write(data, at, at+n)
		at += n
		if in+n < length {
			continue
		}
		s.w.sums = s.w.hashes.sums(s.w.sums[:0])
		s.w.hashes.reset(s.g.K)
		line, err := s.list.line(stripe)
		if err != nil {
			return s.listChanged(err)
		}
		if !bytes.Equal(s.w.sums, line[:32*s.g.K]) {
			s.unit.stripes[stripe-s.unit.first].failed = true
		}
	}
	return nil
}

// listChanged gives up a pack whose hash list was proven and then was not
// there any more.
func (s *packScan) listChanged(err error) error {
	s.w.v.damaged.Store(true)
	s.w.v.f.Repeat(findings.Lost, "hashlist-lost", findings.InPack(s.p), "", "%v", err)
	for i := range s.unit.stripes {
		s.unit.stripes[i].failed = true
	}
	return nil
}

// differ finds the stripes in which a stored block is not the computed one.
func (s *packScan) differ(j int, pos int64, want, got []byte) {
	for len(want) > 0 {
		stripe := pos / s.g.BlockSize
		n := min(int64(len(want)), (stripe+1)*s.g.BlockSize-pos)
		if !bytes.Equal(want[:n], got[:n]) {
			s.unit.stripes[stripe-s.unit.first].differ |= 1 << j
		}
		want, got, pos = want[n:], got[n:], pos+n
	}
}

// checkPadding looks at what follows the body in the last stripe.
func (s *packScan) checkPadding(pos int64, shards [][]byte) {
	last := s.g.Full * s.g.BlockSize
	rest := s.g.Body - s.g.Full*s.g.BlockSize*int64(s.g.K)
	for i := range s.g.K {
		used := min(max(rest-int64(i)*s.g.Last, 0), s.g.Last) // body bytes in block i
		from := max(last+used-pos, 0)
		if from < int64(len(shards[i])) && !wire.AllZero(shards[i][from:]) {
			s.padding = true
		}
	}
}

// finish judges the stripes of the unit.
func (s *packScan) finish() error {
	u := &s.unit
	for i := range u.stripes {
		stripe := u.first + int64(i)
		s.w.v.stripes.Add(1)
		if u.stripes[i].failed {
			if stripe == s.g.Full {
				s.padding = false // what was seen of it was not proven
			}
			if err := s.examine(stripe); err != nil {
				return err
			}
			continue
		}
		if err := s.compareSums(stripe); err != nil {
			return err
		}
		for j := range s.g.Shards() {
			if u.stripes[i].differ>>j&1 == 1 {
				s.blockBad(stripe, j, s.shards[j][0].d)
			} else if u.have>>j&1 == 0 && len(s.shards[j]) > 0 {
				s.countBad(j)
			}
		}
	}
	if s.padding && u.first+int64(len(u.stripes)) == s.g.Stripes() {
		s.w.v.f.Add(findings.Fatal, "padding-not-zero", findings.InPack(s.p), findings.HintRefuse, "the padding of the last stripe is not zero")
	}
	return nil
}

func (s *packScan) countBad(j int) {
	s.bad[j]++
	s.suspect |= 1 << j
	if !s.quiet {
		s.w.v.badTotal.Add(1)
	}
}

func (s *packScan) blockBad(stripe int64, j int, d *disk.Seen) {
	s.countBad(j)
	if !s.quiet {
		s.w.v.f.Stripe(findings.Repairable, "block-bad", findings.InShard(s.p, j).On(d), stripe, findings.HintRebuild, "bad block")
	}
}
