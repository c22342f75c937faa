package pack

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestReadCacheBound has more places asked for at once than may be held: all come to
// their turn, and never is more held than twice the budget.
func TestReadCacheBound(t *testing.T) {
	const size, budget, workers, turns = 1 << 10, 3 << 10, 32, 200
	c := NewCache(budget)
	var held, most atomic.Int64
	var work sync.WaitGroup
	for w := range workers {
		work.Go(func() {
			for i := range turns {
				s := c.Get(Key{pack: uint64(w), n: int64(i)}, size)
				now := held.Add(size)
				for was := most.Load(); now > was && !most.CompareAndSwap(was, now); was = most.Load() {
				}
				for range 10 { // let the others ask meanwhile
					runtime.Gosched()
				}
				held.Add(-size)
				c.Put(s)
			}
		})
	}
	work.Wait()
	if got := most.Load(); got > 2*budget {
		t.Errorf("%d bytes were held, the budget is %d", got, budget)
	}
	if c.size > 2*budget || c.size != int64(len(c.list))*size {
		t.Errorf("%d bytes of %d places are left", c.size, len(c.list))
	}
}

// TestReadCacheLarge gives out a place that is larger than the budget.
func TestReadCacheLarge(t *testing.T) {
	c := NewCache(10)
	s := c.Get(Key{}, 100)
	c.Put(s)
	if s = c.Get(Key{n: 1}, 100); len(s.buf) != 100 || c.size != 100 {
		t.Errorf("%d bytes, %d kept", len(s.buf), c.size)
	}
}
