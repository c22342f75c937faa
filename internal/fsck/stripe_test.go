package fsck

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// TestRandomDamage compares the verifier with a count: in each stripe of one
// pack random blocks are hit; up to m are repaired, more are lost.
func TestRandomDamage(t *testing.T) {
	for seed := range uint64(30) {
		p := smallPlan()
		p.seed, p.k, p.m, p.disks, p.records = seed, 4, 3, 8, 0
		p.bodies = []int{400_000, 5000}
		if seed%3 == 0 {
			p.block = 16384
		}
		d := makeDevice(t, p)
		rng := rand.New(rand.NewPCG(seed, 1))
		g := d.packs[0].geometry
		lost, bad := map[int64]bool{}, int64(0)
		for s := range g.Stripes() {
			hit := uint32(0)
			for j := range g.Shards() {
				if rng.Uint32()%3 == 0 {
					hit |= 1 << j
					bay, name := d.shard(0, j)
					d.flip(bay, name, int(s)*p.block+int(rng.Uint32())%int(g.BlockLen(s)))
				}
			}
			if bits.OnesCount32(hit) > g.M {
				lost[s] = true
			}
			bad += int64(bits.OnesCount32(hit))
		}
		r := run(t, d.options())
		found := map[int64]bool{}
		for _, f := range r.Findings {
			if f.Class == "stripe-lost" {
				for s := *f.FirstStripe; s <= *f.LastStripe; s++ {
					found[s] = true
				}
			}
		}
		if fmt.Sprint(found) != fmt.Sprint(lost) || r.BlocksBad != bad {
			t.Errorf("seed %d: lost %v, want %v; %d bad, want %d", seed, found, lost, r.BlocksBad, bad)
		}
	}
}

// TestLyingCRC has parity blocks that are wrong under a CRC that fits: only
// decoding can tell.
func TestLyingCRC(t *testing.T) {
	p := smallPlan()
	p.k, p.m, p.disks, p.lyingCRC, p.records = 3, 2, 5, true, 0
	d := makeDevice(t, p)
	r := run(t, d.options())
	if r.Verdict != VerdictRepairable || !(want{"block-bad", "", 3, "(stripes 0 to 8)"}).in(r) {
		t.Error(show(r))
	}
	bay, name := d.shard(0, 0)
	d.remove(bay, name)
	r = run(t, d.options())
	if r.Verdict != VerdictRepairable || !(want{"block-bad", "", 3, "(stripes 0 to 8)"}).in(r) || r.Has("stripe-lost") {
		t.Error(show(r))
	}
	bay, name = d.shard(0, 1)
	d.remove(bay, name)
	if r = run(t, d.options()); r.Verdict != VerdictLost || !(want{"stripe-lost", "", -1, "(stripes 0 to 8)"}).in(r) {
		t.Error(show(r))
	}
}

// TestStaleShard has a shard that is stale from end to end: found out
// once, it is an input no more.
func TestStaleShard(t *testing.T) {
	d := makeDevice(t, smallPlan())
	bay, name := d.shard(0, 0)
	f := d.file(bay, name)
	f.Data = random(d.rng, len(f.Data))
	r := run(t, d.options())
	if r.Verdict != VerdictRepairable || r.BlocksBad != d.packs[0].geometry.Stripes() || len(r.Findings) != 1 {
		t.Error(show(r))
	}
}

func TestGeometry(t *testing.T) {
	for _, c := range []struct {
		k, b, body     uint64
		full, last, sh int64
	}{
		{2, 4096, 1, 0, 4096, 4096},
		{2, 4096, 8192, 0, 4096, 4096},
		{2, 4096, 8193, 1, 4096, 8192},
		{8, 1 << 20, 1 << 30, 127, 1 << 20, 1 << 27},
		{8, 1 << 20, 1<<30 + 1, 128, 4096, 1<<27 + 4096},
		{3, 65536, 100_000, 0, 36864, 36864},
	} {
		g, err := wire.NewGeometry(c.k, 1, c.b, c.body)
		if err != nil || g.Full != c.full || g.Last != c.last || g.ShardLen() != c.sh {
			t.Errorf("%+v: %+v %v", c, g, err)
		}
		for _, off := range []int64{0, g.Body / 2, g.Body - 1} {
			s, block, at, left := g.Locate(off)
			if s*int64(c.k*c.b)+int64(block)*g.BlockLen(s)+at != off || left < 1 || block >= g.K {
				t.Errorf("%+v: byte %d is at %d %d %d", c, off, s, block, at)
			}
		}
	}
}

// TestDirectories runs on real files: the same answers as in memory.
func TestDirectories(t *testing.T) {
	d := makeDevice(t, smallPlan())
	bay, name := d.shard(0, 1)
	d.flip(bay, name, 9000)
	o := d.options()
	o.Disks = d.dirs(t, t.TempDir())[1:]
	r := run(t, o)
	if r.Verdict != VerdictLost || !(want{"stripe-lost", "", -1, "(stripe 2)"}).in(r) || !(want{"disk-missing", "", -1, "bay 0"}).in(r) {
		t.Error(show(r))
	}
}
