package disks

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc64"
	"sync"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

const (
	maxOddShards = 64
	maxOddPacks  = 1 << 16
)

// oddShards are shards that are wrong from the first block to the last: stale,
// or another shard's bytes under this name. Looking for the true owner is best
// effort and bounded.
type oddShards struct {
	mu   sync.Mutex
	list []oddShard
}

type oddShard struct {
	p      *wire.PackEntry
	j      int
	d      *disk.Seen
	length int64 // of the file's first block
	sha    [32]byte
	crc    uint64
}

// add takes the digests of the shard's first block.
func (o *oddShards) add(s *packScan, j int) {
	c := s.shards[j][0]
	odd := oddShard{p: s.p, j: j, d: c.d, length: min(c.f.Size, s.g.BlockSize)}
	h := sha256.New()
	err := eachSlice(c.f, 0, odd.length, s.w.buffer(windowSize), func(b []byte) {
		h.Write(b)
		odd.crc = crc64.Update(odd.crc, wire.CrcTable, b)
	})
	if err != nil || odd.length == 0 {
		return
	}
	odd.sha = [32]byte(h.Sum(nil))
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.list) < maxOddShards {
		o.list = append(o.list, odd)
	}
}

var errEnough = errors.New("enough")

// identify compares with the first line of other packs' hash lists.
func (o *oddShards) identify(ctx context.Context, v *Check, each func(context.Context, func(*wire.PackEntry) error) error) error {
	if len(o.list) == 0 {
		return nil
	}
	seen := 0
	err := each(ctx, func(p *wire.PackEntry) error {
		if seen++; seen > maxOddPacks {
			return errEnough
		}
		o.compare(v, p)
		return nil
	})
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func (o *oddShards) compare(v *Check, p *wire.PackEntry) {
	g := p.Geometry
	for _, d := range v.use {
		f, err := disk.OpenFile(d.Fsys, disk.HashesName(p))
		if err != nil {
			continue
		}
		line := make([]byte, g.LineLen())
		err = f.ReadFull(line, 0)
		f.Close()
		if err != nil {
			continue
		}
		for i := range o.list {
			odd := &o.list[i]
			if odd.length != g.BlockLen(0) {
				continue
			}
			if j := odd.owner(g, line); j >= 0 && (p.ID != odd.p.ID || j != odd.j) {
				v.f.Add(findings.Repairable, "shard-misplaced", findings.InShard(odd.p, odd.j).On(odd.d), findings.HintRebuild, "holds %s %s shard %d", p.Noun(), p.ID, j)
			}
		}
		return
	}
}

// owner is the shard whose first block this is, by a pack's first line.
func (o *oddShard) owner(g wire.Geometry, line []byte) int {
	for j := range g.K {
		if bytes.Equal(line[32*j:32*j+32], o.sha[:]) {
			return j
		}
	}
	for j := range g.M {
		if binary.BigEndian.Uint64(line[32*g.K+8*j:]) == o.crc {
			return g.K + j
		}
	}
	return -1
}
