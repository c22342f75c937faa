package disks

import (
	"cmp"
	"slices"
	"sync"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// together gathers the packs of which one disk holds several shards, or several pieces of
// the hash list: all is there, and fewer disks may be lost than the code allows.
type together struct {
	mu    sync.Mutex
	packs int64
	left  int // how many disks of the worst pack may be lost
	worst *wire.PackEntry
	on    *disk.Seen // that holds the most of it
	what  string
}

// see takes the disk of each shard or piece of a pack; nil where none has it.
func (t *together) see(p *wire.PackEntry, what string, disks []*disk.Seen) {
	counts := map[*disk.Seen]int{}
	here, most := 0, (*disk.Seen)(nil)
	for _, d := range disks {
		if d == nil {
			continue
		}
		counts[d]++
		here++
		if counts[d] > counts[most] {
			most = d
		}
	}
	if counts[most] < 2 {
		return
	}
	left := tolerance(counts, here, p.Geometry.K)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.packs++
	if t.worst == nil || left < t.left {
		t.left, t.worst, t.on, t.what = left, p, most, what
	}
}

// tolerance is how many disks may be lost, whichever they are, so that k remain.
func tolerance(counts map[*disk.Seen]int, here, k int) (lost int) {
	var list []int
	for _, n := range counts {
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b int) int { return cmp.Compare(b, a) })
	for _, n := range list {
		if here -= n; here < k {
			return lost
		}
		lost++
	}
	return lost
}

// name says it once, of the worst pack.
func (t *together) name(v *Check) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.packs > 0 {
		v.f.Add(findings.Repairable, "shards-together", findings.InPack(t.worst).On(t.on), findings.HintRebuild,
			"one disk has several of its %s: any %d disks may be lost, not %d (the worst of %d such packs)", t.what, t.left, t.worst.Geometry.M, t.packs)
	}
}
