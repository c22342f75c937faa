package pack

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/sledge-io/sledge/manifest"
)

// TestBuffersOnePackAtATime: the pack that was begun first gets what is free, whoever
// waited first; the other one only while more than a quarter are free, and what there is
// once the first has ended.
func TestBuffersOnePackAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Buffering{manifest.Geometry{K: 1, M: 1, BlockSize: 4096}, 4096}.New(8)
		older, newer := p.begin(), p.begin()
		var mu sync.Mutex
		got := map[uint64][]*stripeBuffer{}
		count := func(turn uint64) int {
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			return len(got[turn])
		}
		at := func(turn uint64, i int) *stripeBuffer {
			mu.Lock()
			defer mu.Unlock()
			return got[turn][i]
		}
		take := func(turn uint64, n int) {
			go func() {
				for range n {
					b := p.get(turn)
					mu.Lock()
					got[turn] = append(got[turn], b)
					mu.Unlock()
				}
			}()
			synctest.Wait()
		}
		take(newer, 8)
		if n := count(newer); n != 6 {
			t.Fatalf("the second pack took %d of 8 buffers, want 6", n)
		}
		take(older, 3)
		if n := count(older); n != 2 {
			t.Fatalf("the first pack took %d of the 2 that are left", n)
		}
		p.put(at(newer, 0))
		if n := count(older); n != 3 || count(newer) != 6 {
			t.Fatalf("one came free: the first pack has %d, want 3", n)
		}
		p.put(at(newer, 1))
		if n := count(newer); n != 6 {
			t.Fatalf("one came free beside the first pack: the second took it")
		}
		p.end(older)
		p.put(at(older, 0))
		if n := count(newer); n != 8 {
			t.Fatalf("the first pack has ended: the second has %d, want 8", n)
		}
	})
}

// TestBuffersNeverStuck: whoever holds the buffer that it fills, each other pack gets one
// after the other.
func TestBuffersNeverStuck(t *testing.T) {
	for packs := 1; packs <= 9; packs++ {
		p := Buffering{manifest.Geometry{K: 1, M: 1, BlockSize: 4096}, 4096}.New(leastBuffers * packs)
		for range packs { // and one more: a door moves what is staged beside its lanes
			p.get(p.begin())
		}
		turn := p.begin()
		for range 20 {
			p.put(p.get(turn))
		}
	}
}
