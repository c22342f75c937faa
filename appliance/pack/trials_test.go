package pack

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// trialShard is a shard in memory that a trial may spoil and mend at no cost. What
// is not asked for panics.
type trialShard struct {
	vfs.File
	data   []byte
	failed map[int64]bool // offsets whose read fails
}

func (s *trialShard) ReadAt(p []byte, off int64) (int, error) {
	if s.failed[off] {
		return 0, errors.New("input/output error")
	}
	n := copy(p, s.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *trialShard) Close() error { return nil }

// trials spoils up to m blocks of a stripe of one pack, has them restored and
// compares, again and again.
type trials struct {
	r      *Reader
	shards []*trialShard
	body   []byte // as it was
	rng    *rand.Rand
}

func newTrials(t *testing.T, set *disk.Set, p *manifest.Pack, seed uint64) *trials {
	t.Helper()
	pr, err := NewReader(set, p, &Repairs{})
	if err != nil {
		t.Fatal(err)
	}
	x := &trials{r: pr, body: make([]byte, p.BodySize), rng: rand.New(rand.NewPCG(seed, 1))}
	if err := pr.needList(); err != nil {
		t.Fatal(err)
	}
	if err := pr.ReadProven(x.body, 0); err != nil {
		t.Fatal(err)
	}
	for i := range pr.shards {
		s := &trialShard{data: make([]byte, pr.layout.ShardLen()), failed: map[int64]bool{}}
		if _, err := pr.shard(i).ReadAt(s.data, 0); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		pr.shards[i].f.Close()
		pr.shards[i].f = s
		x.shards = append(x.shards, s)
	}
	return x
}

// once spoils count blocks of a stripe and tells whether exactly what was stored
// came back.
func (x *trials) once(count int) (restored bool, err error) {
	l := x.r.layout
	stripe := x.rng.Int64N(l.Stripes())
	size := l.BlockLen(stripe)
	at := stripe * l.Block
	var mend []func()
	for _, i := range x.rng.Perm(l.K + l.M)[:count] {
		s := x.shards[i]
		block := s.data[at : at+size]
		old := bytes.Clone(block)
		mend = append(mend, func() { copy(block, old); delete(s.failed, at) })
		x.spoil(s, block, at)
	}
	data := make([]byte, int64(l.K)*size)
	err = x.r.recover(data, stripe)
	for _, f := range mend {
		f()
	}
	from := stripe * int64(l.K) * l.Block
	want := x.body[from:min(from+int64(len(data)), int64(len(x.body)))]
	if err == nil && !bytes.Equal(data[:len(want)], want) {
		return false, errors.New("other bytes than were stored")
	}
	return err == nil, err
}

// spoil is one kind of damage.
func (x *trials) spoil(s *trialShard, block []byte, at int64) {
	switch x.rng.IntN(5) {
	case 0:
		block[x.rng.IntN(len(block))] ^= 1 << x.rng.IntN(8)
	case 1:
		clear(block)
	case 2:
		from := x.rng.IntN(len(block))
		for i := from; i < min(from+512, len(block)); i++ {
			block[i] = byte(x.rng.Uint32())
		}
	case 3: // a block from elsewhere: misdirected, or a lost write
		other := x.rng.Int64N(int64(len(s.data)-len(block)) + 1)
		copy(block, bytes.Clone(s.data[other:]))
	case 4:
		s.failed[at] = true
	}
}

// TestStripeTrials: up to m blocks of a stripe in any way spoilt, 10^6 times, and
// nothing is lost or wrong; with one more, nothing wrong is ever given out.
func TestStripeTrials(t *testing.T) {
	total := 1_000_000
	switch {
	case testing.Short():
		total = 10_000
	case os.Getenv("SLEDGE_LONG") == "1":
		total = 10_000_000
	}
	const workers = 2
	seed, err := strconv.ParseUint(os.Getenv("SLEDGE_SEED"), 10, 64)
	if err != nil {
		seed = 20260711
	}
	set, p := writtenPack(t, manifest.Geometry{K: 8, M: 3, BlockSize: 4096}, 900<<10, seed)
	var wg sync.WaitGroup
	beyond := make([]int, workers)
	for w := range workers {
		x := newTrials(t, set, p, seed+uint64(w))
		wg.Go(func() {
			for n := range total / workers {
				if ok, err := x.once(1 + x.rng.IntN(3)); !ok {
					t.Errorf("seed %d, worker %d, trial %d: %v", seed, w, n, err)
					return
				}
				if n%100 == 0 {
					if ok, err := x.once(4); !ok && !errors.Is(err, disk.ErrLost) {
						t.Errorf("seed %d, worker %d, trial %d, four blocks: %v", seed, w, n, err)
						return
					} else if ok {
						beyond[w]++ // a spoilt block may be what it was
					}
				}
			}
		})
	}
	wg.Wait()
	t.Logf("figure: seed %d: %d trials, nothing lost, nothing wrong; of %d with four spoilt blocks %d came back all the same", seed, total, total/100, beyond[0]+beyond[1])
}

// writtenPack writes a body of random bytes as a pack onto disks in memory.
func writtenPack(t *testing.T, geo manifest.Geometry, size int, seed uint64) (*disk.Set, *manifest.Pack) {
	t.Helper()
	var places disk.Bays
	var numbers []byte
	for i := range geo.K + geo.M {
		m := vfs.NewMem(vfs.MemOptions{Capacity: 1 << 30})
		b := disk.NewBay(i, disk.Disk{Name: strconv.Itoa(i), FS: m}, manifest.ID{byte(i + 1)})
		b.StartWriter()
		defer b.StopWriter()
		places, numbers = append(places, b), append(numbers, byte(i))
	}
	code, err := erasure.NewCode(geo.K, geo.M)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWriter(manifest.ID{1}, code, geo, places, numbers, Buffering{geo, 64 << 10}.New(2))
	if err != nil {
		t.Fatal(err)
	}
	body := make([]byte, size)
	rng := rand.New(rand.NewPCG(seed, 2))
	for i := range body {
		body[i] = byte(rng.Uint32())
	}
	if err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Last(); err != nil {
		t.Fatal(err)
	}
	p, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return places.Set(), p
}
