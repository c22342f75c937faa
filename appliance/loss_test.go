package appliance

import (
	"context"
	"errors"
	"fmt"
	mrand "math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// sealedRig is a loaded and sealed device in memory.
func sealedRig(t testing.TB, o rigOptions, src string) (*memRig, *seal.Result) {
	t.Helper()
	r := newMemRig(t, o)
	r.loadAll(src, LoadOptions{})
	return r, r.sealAll()
}

// TestLoss takes every choice of one to three of 11 disks away, and every choice
// of four.
func TestLoss(t *testing.T) {
	src := smallTree(t, 30, 200<<10)
	want := readTree(t, src)
	r, res := sealedRig(t, rigOptions{k: 8, m: 3, disks: 11, block: 4096, packSize: 100 << 10}, src)
	all := r.mems
	restored, closed := 0, 0
	for lost := 1; lost <= 4; lost++ {
		picks(11, lost, func(pick []int) (bool, error) {
			r.use(all)
			r.without(pick...)
			if lost <= 3 {
				if err := r.check(want, res.Label); err != nil {
					t.Errorf("bays %v lost: %v", pick, err)
				}
				restored++
				return false, nil
			}
			// All packs lie on all bays: the pages themselves are lost, and the error says so.
			rd, err := r.openReader(r.cfg.Disks, res.Label)
			if err != nil {
				t.Errorf("bays %v lost: the log is on every disk, yet %v", pick, err)
				return false, nil
			}
			defer rd.Close()
			got, _, err := readAll(rd)
			if !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "page 0") || len(got) > 0 {
				t.Errorf("bays %v lost: %d entries, %v", pick, len(got), err)
			}
			closed++
			return false, nil
		})
	}
	if restored != 231 || closed != 330 {
		t.Errorf("%d losses restored, %d closed", restored, closed)
	}
}

// TestLossOfSomePacks has more bays than a pack uses: of m+1 lost disks some packs
// survive. Every entry that cannot be restored is named, every other comes out.
func TestLossOfSomePacks(t *testing.T) {
	src := smallTree(t, 31, 200<<10)
	want := readTree(t, src)
	r, res := sealedRig(t, rigOptions{k: 2, m: 1, disks: 6, block: 4096, packSize: 30 << 10}, src)
	all := r.mems
	some := 0
	picks(6, 2, func(pick []int) (bool, error) {
		r.use(all)
		r.without(pick...)
		rd, err := r.openReader(r.cfg.Disks, res.Label)
		if err != nil {
			t.Error(pick, err)
			return false, nil
		}
		defer rd.Close()
		got, lost, err := readAll(rd)
		if err != nil {
			if !errors.Is(err, ErrLost) {
				t.Error(pick, err)
			}
			return false, nil // the index was on both
		}
		if len(lost) > 0 {
			some++
		}
		for p := range want {
			if _, ok := got[p]; ok == (lost[p] != nil) {
				t.Errorf("bays %v lost: %q: read %v, error %v", pick, p, ok, lost[p])
			}
		}
		for p := range lost {
			if !errors.Is(lost[p], ErrLost) {
				t.Errorf("bays %v lost: %q: %v", pick, p, lost[p])
			}
			delete(want, p)
		}
		if err := want.diff(got); err != nil {
			t.Errorf("bays %v lost: %v", pick, err)
		}
		out := t.TempDir()
		x, err := extract.Run(context.Background(), rd, out, extract.Options{Workers: 2})
		if len(lost) > 0 && (!errors.Is(err, extract.ErrSomeFailed) || int(x.Failed) != len(lost)) {
			t.Errorf("bays %v lost: extract: %v, %d failed of %d lost", pick, err, x.Failed, len(lost))
		}
		for p := range lost {
			if !slices.ContainsFunc(x.Failures, func(f string) bool { return strings.HasPrefix(f, fmt.Sprintf("%q: ", p)) }) {
				t.Errorf("bays %v lost: extract does not name %q", pick, p)
			}
			if _, err := os.Lstat(filepath.Join(out, p)); err == nil {
				t.Errorf("bays %v lost: %q was extracted all the same", pick, p)
			}
		}
		for p, w := range want {
			if b, err := os.ReadFile(filepath.Join(out, p)); strings.HasPrefix(w, "file ") && (err != nil || "file "+string(b) != w) {
				t.Errorf("bays %v lost: %q differs (%v)", pick, p, err)
			}
		}
		want = readTree(t, src)
		return false, nil
	})
	if some == 0 {
		t.Error("no loss of two disks left some entries: the test shows nothing")
	}
}

// packsOf lists all packs of a sealed set, index packs too.
func (r *memRig) packsOf(label []byte) (out []*manifest.Pack) {
	r.t.Helper()
	s, err := OpenSet(r.cfg.Disks, nil, label)
	if err != nil {
		r.t.Fatal(err)
	}
	if err := s.EachPack(func(p *manifest.Pack) error { out = append(out, p); return nil }); err != nil {
		r.t.Fatal(err)
	}
	return out
}

// rotBlock damages one block on the disk that has it.
func (r *memRig) rotBlock(p *manifest.Pack, stripe int64, shard int, rng *mrand.Rand) {
	l := pack.LayoutOf(p)
	rot(r.t, r.mems[p.Bays[shard]], disk.ShardName(p.ID, shard), stripe*l.Block+rng.Int63n(l.BlockLen(stripe)))
}

func (r *memRig) fresh(rng *mrand.Rand, from []*vfs.Mem) {
	mems := make([]*vfs.Mem, len(from))
	for i, m := range from {
		mems[i] = m.CrashClone(rng, 100)
	}
	r.use(mems)
}

// TestRot damages up to m blocks of every stripe, on differing disks; then one
// more in one stripe.
func TestRot(t *testing.T) {
	src := smallTree(t, 32, 3<<20)
	want := readTree(t, src)
	seed := seedOf(t)
	rng := mrand.New(mrand.NewSource(seed))
	r, res := sealedRig(t, rigOptions{k: 8, m: 3, disks: 11, block: 4096, packSize: 4 << 20}, src)
	whole := r.mems
	packs := r.packsOf(res.Label)
	blocks := 0
	for range 3 {
		r.fresh(rng, whole)
		for _, p := range packs {
			for s := range pack.LayoutOf(p).Stripes() {
				for _, shard := range rng.Perm(11)[:1+rng.Intn(3)] {
					r.rotBlock(p, s, shard, rng)
					blocks++
				}
			}
		}
		rd, err := r.openReader(r.cfg.Disks, res.Label)
		if err != nil {
			t.Fatal(err)
		}
		got, lost, err := readAll(rd)
		if err != nil || len(lost) > 0 {
			t.Fatalf("seed %d: %v, lost %v", seed, err, lost)
		}
		if err := want.diff(got); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if n, places := rd.RepairedBlocks(); n == 0 || len(places) < 8 {
			t.Errorf("%d blocks repaired at %v", n, places)
		}
		rd.Close()
	}
	t.Logf("figure: seed %d: %d blocks damaged and repaired", seed, blocks)

	for range 5 {
		r.fresh(rng, whole)
		rd, err := r.openReader(r.cfg.Disks, res.Label)
		if err != nil {
			t.Fatal(err)
		}
		p := packs[rng.Intn(len(packs)-1)] // not the index pack
		if p.IsIndex() {
			t.Fatal("an index pack before the last")
		}
		s := rng.Int63n(pack.LayoutOf(p).Stripes())
		for _, shard := range append(rng.Perm(8)[:1+rng.Intn(3)], 8, 9, 10) { // all parity and some data
			r.rotBlock(p, s, shard, rng)
		}
		stripe := 8 * pack.LayoutOf(p).Block
		from, to := s*stripe/crypto.SegmentSize, min(p.BodySize-1, (s+1)*stripe-1)/crypto.SegmentSize // segments
		got, lost, err := readAll(rd)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		rd.Entries(context.Background(), func(e Entry) error {
			hit := false
			for _, x := range e.Record.Extents {
				if !x.Hole && x.Pack == p.Number && x.PackOffset/crypto.PlainSegmentSize <= to && (x.PackOffset+x.Length-1)/crypto.PlainSegmentSize >= from {
					hit = true
				}
			}
			if p := e.Record.Path; (lost[p] != nil) && !hit || got[p] != "" && got[p] != want[p] {
				t.Errorf("seed %d: %q: lost %v, read %v, touched by the damage %v", seed, p, lost[p], got[p] != "", hit)
			}
			return nil
		})
		if len(lost) == 0 {
			t.Errorf("seed %d: m+1 bad blocks in stripe %d of pack %d lost nothing", seed, s, p.Number)
		}
		for p, err := range lost {
			if !errors.Is(err, ErrLost) {
				t.Errorf("seed %d: %q: %v", seed, p, err)
			}
		}
		rd.Close()
	}
}

// TestRotOfHashLists damages copies of the hash lists while a disk is missing, so
// that they are needed: all of the first kind, all of the second, some of both.
func TestRotOfHashLists(t *testing.T) {
	src := smallTree(t, 33, 500<<10)
	want := readTree(t, src)
	seed := seedOf(t)
	rng := mrand.New(mrand.NewSource(seed))
	r, res := sealedRig(t, rigOptions{k: 8, m: 3, disks: 11, block: 4096, packSize: 200 << 10}, src)
	whole := r.mems
	for name, bad := range map[string]func(path string) bool{
		"all of copy 1": func(p string) bool { return strings.HasSuffix(p, ".hashes") },
		"all of copy 2": func(p string) bool { return strings.HasSuffix(p, ".piece") },
		"a mixture": func(p string) bool {
			return strings.HasSuffix(p, ".piece") && rng.Intn(2) == 0 || strings.HasSuffix(p, ".hashes")
		},
	} {
		r.fresh(rng, whole)
		for _, m := range r.mems {
			for path, b := range memFiles(t, m) {
				if bad(path) {
					rot(t, m, path, rng.Int63n(int64(len(b))))
				}
			}
		}
		r.without(rng.Intn(11))
		if err := r.check(want, res.Label); err != nil {
			t.Errorf("seed %d: %s: %v", seed, name, err)
		}
	}
}

// TestForeignDisks gives a reader disks in any order, from another device, twice,
// and stale; and a label of another.
func TestForeignDisks(t *testing.T) {
	src := smallTree(t, 34, 50<<10)
	want := readTree(t, src)
	o := rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 1 << 20}
	r := newMemRig(t, o)
	r.loadAll(src, LoadOptions{})
	rng := mrand.New(mrand.NewSource(1))
	stale := r.clone(rng, 100)
	res := r.sealAll()
	other, otherRes := sealedRig(t, o, src)
	mems := r.mems
	shuffled := func(extra ...Disk) []Disk {
		r.use(mems)
		out := append(slices.Clone(r.cfg.Disks), extra...)
		rng.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out
	}
	for name, disks := range map[string][]Disk{
		"in any order":             shuffled(),
		"with a foreign disk":      shuffled(other.cfg.Disks[1]),
		"with one twice":           shuffled(Disk{Name: "again", FS: mems[2]}),
		"with a stale copy":        shuffled(Disk{Name: "stale", FS: stale[0]}),
		"two foreign, one missing": shuffled(other.cfg.Disks[:2]...)[1:],
		"three of ours, two stale": append([]Disk{{Name: "s0", FS: stale[0]}, {Name: "s1", FS: stale[1]}}, shuffled()[:3]...),
	} {
		r.cfg.Disks = disks
		if err := r.check(want, res.Label); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	r.use(mems)
	if err := r.check(want, otherRes.Label); err == nil {
		t.Error("the label of another device was accepted")
	}
	if _, err := OpenSet([]Disk{{Name: "stale", FS: stale[0]}}, nil, nil); err == nil {
		t.Error("an unsealed disk was opened as a sealed set")
	}
	// While loading they are refused.
	u := newMemRig(t, o)
	u.mustDevice().Close()
	for name, disks := range map[string][]Disk{
		"a foreign disk": append(slices.Clone(u.cfg.Disks[:4]), other.cfg.Disks[4]),
		"one twice":      append(slices.Clone(u.cfg.Disks[:4]), Disk{Name: "again", FS: u.mems[1]}),
	} {
		c := u.cfg
		c.Disks = disks
		k, err := Prepare(c, u.root)
		if err == nil {
			_, err = Open(c, k)
		}
		if !errors.Is(err, ErrForeign) && !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSegmentCacheConcurrently reads one device from many goroutines at once.
func TestSegmentCacheConcurrently(t *testing.T) {
	src := smallTree(t, 35, 4<<20)
	want := readTree(t, src)
	r, res := sealedRig(t, rigOptions{k: 3, m: 2, disks: 5, block: 4096, packSize: 300 << 10}, src)
	r.without(1)
	rd, err := r.openReader(r.cfg.Disks, res.Label)
	if err != nil {
		t.Fatal(err)
	}
	defer rd.Close()
	rd.LimitMemory(2*crypto.SegmentSize, 1)
	errs := make(chan error, 8)
	for g := range 8 {
		go func() {
			rng := mrand.New(mrand.NewSource(int64(g)))
			for range 30 {
				for p, w := range want {
					text, ok := strings.CutPrefix(w, "file ")
					if !ok || len(text) == 0 || rng.Intn(4) > 0 {
						continue
					}
					e, err := rd.Lookup(context.Background(), p)
					if err != nil {
						errs <- err
						return
					}
					c, _ := rd.Open(context.Background(), e.Record)
					at := rng.Intn(len(text))
					b := make([]byte, min(len(text)-at, 1+rng.Intn(100000)))
					if n, err := c.ReadAt(b, int64(at)); n < len(b) || string(b) != text[at:at+n] {
						errs <- fmt.Errorf("%q at %d: %d bytes, %v", p, at, n, err)
						return
					}
					break
				}
			}
			errs <- nil
		}()
	}
	for range 8 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

// TestLossOfPages loses some pages of the manifest: what the others describe is
// extracted, and the lost pages are named.
func TestLossOfPages(t *testing.T) {
	src := smallTree(t, 36, 10<<10)
	want := readTree(t, src)
	r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 6, block: 4096, packSize: 1 << 20})
	r.cfg.pageRecords, r.cfg.indexPages = 2, 3
	r.loadAll(src, LoadOptions{})
	res := r.sealAll()
	all := r.mems
	some := 0
	picks(6, 2, func(pick []int) (bool, error) {
		r.use(all)
		r.without(pick...)
		rd, err := r.openReader(r.cfg.Disks, res.Label)
		if err != nil {
			t.Fatal(err)
		}
		defer rd.Close()
		out := t.TempDir()
		x, err := extract.Run(context.Background(), rd, out, extract.Options{})
		pages := 0
		for _, f := range x.Failures {
			if strings.Contains(f, "of the manifest") {
				pages++
			}
		}
		if (pages > 0) != errors.Is(err, ErrLost) {
			t.Errorf("bays %v lost: %d pages named, %v", pick, pages, err)
		}
		if pages > 0 && x.Entries > 0 {
			some++
		}
		for p, v := range readTree(t, out) {
			if want[p] != v {
				t.Errorf("bays %v lost: %q differs", pick, p)
			}
		}
		return false, nil
	})
	if some == 0 {
		t.Error("no loss left some pages: the test shows nothing")
	}
}

// picks calls f for every choice of want out of n disks, until it returns true.
func picks(n, want int, f func(pick []int) (bool, error)) {
	var next func(pick []int, from int) bool
	next = func(pick []int, from int) bool {
		if len(pick) == want {
			done, err := f(slices.Clone(pick))
			return done || err != nil
		}
		for i := from; i < n; i++ {
			if next(append(pick, i), i+1) {
				return true
			}
		}
		return false
	}
	next(nil, 0)
}
