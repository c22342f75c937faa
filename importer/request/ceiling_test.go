package request

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// TestMemoryAtCeiling: with the controller at its ceiling, small and large requests hold no more
// memory than they may in all, and small ones have what is left of it.
func TestMemoryAtCeiling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const memory = 512 << 20
		c := New(Settings{Requests: 1024, Memory: memory, Backoff: 200 * time.Millisecond, CallTimeout: time.Minute, RetryBudget: 100, Now: time.Now}, t.Context().Done())
		var live, most, large atomic.Int64
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		call := func(bytes, big int64) func(context.Context) error {
			return func(context.Context) error {
				most.Store(max(most.Load(), live.Add(bytes)))
				large.Store(max(large.Load(), big))
				time.Sleep(50 * time.Millisecond)
				live.Add(-bytes)
				return nil
			}
		}
		work := func(what Call, f func(context.Context) error) {
			all.Go(func() {
				for ctx.Err() == nil {
					_ = c.Once(ctx, what, f)
				}
			})
		}
		for i := range 1000 {
			work(Call{Name: PutObject, Key: fmt.Sprint(i), Payload: 4 << 10}, call(SmallRequest, 0))
		}
		time.Sleep(3 * time.Second)
		if n := c.Bears(); n != 1024 {
			t.Errorf("%d requests at once", n)
		}
		for i := range 300 {
			work(Call{Name: UploadPart, Key: fmt.Sprint(i), Payload: 16 << 20}, call(LargeRequest, 1))
		}
		time.Sleep(3 * time.Second)
		if c.Limit() != LimitMemory {
			t.Errorf("limited by %q", c.Limit())
		}
		cancel()
		all.Wait()
		if most.Load() > memory || most.Load() < memory*9/10 || large.Load() == 0 {
			t.Errorf("%d MiB at once, of 512", most.Load()>>20)
		}
	})
}

// TestPrefixAlone: a prefix that the store slows down does not shrink what others have.
func TestPrefixAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newFar(t, 256, 50*time.Millisecond, time.Millisecond, 512)
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var done [2]atomic.Int64
		for i := range 300 {
			all.Go(func() {
				for ctx.Err() == nil {
					_ = c.Once(ctx, Call{Name: PutObject, Key: []string{"slow/x/", "quick/x/"}[i%2] + "k", Payload: 4 << 10}, func(ctx context.Context) error {
						if err := s.call(ctx); err != nil || i%2 == 1 {
							done[1].Add(1)
							return err
						}
						done[0].Add(1)
						return target.NewError(target.CodeThrottled, "", "", nil)
					})
				}
			})
		}
		time.Sleep(10 * time.Second)
		before := [2]int64{done[0].Load(), done[1].Load()}
		time.Sleep(10 * time.Second)
		slow, quick := done[0].Load()-before[0], done[1].Load()-before[1]
		limit := c.Bears()
		cancel()
		all.Wait()
		// 150 at once, each 51 ms.
		if quick < 25000 || slow > 500 || limit < 150 {
			t.Errorf("%d calls of the quick prefix in 10 s, %d of the slow one, %d at once", quick, slow, limit)
		}
	})
}

// TestSlowPrefixHoldsNoWorkers: who hands out work waits for a prefix that is slowed down, and workers
// are left for the others.
func TestSlowPrefixHoldsNoWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := newFar(t, 256, 0, 0, 512)
		ctx, cancel := context.WithCancel(t.Context())
		work := make(chan string)
		var all sync.WaitGroup
		var quick atomic.Int64
		for range 100 {
			all.Go(func() {
				for key := range work {
					_ = c.Once(ctx, Call{Name: PutObject, Key: key, Payload: 4 << 10}, func(context.Context) error {
						time.Sleep(50 * time.Millisecond)
						if key == "slow/x/k" {
							return target.NewError(target.CodeThrottled, "", "", nil)
						}
						quick.Add(1)
						return nil
					})
				}
			})
		}
		var lanes sync.WaitGroup
		for _, key := range []string{"slow/x/k", "quick/x/k"} {
			lanes.Go(func() {
				for ctx.Err() == nil && c.Uncrowded(ctx, key) == nil {
					select {
					case work <- key:
					case <-ctx.Done():
					}
				}
			})
		}
		time.Sleep(10 * time.Second)
		cancel()
		lanes.Wait()
		close(work)
		all.Wait()
		if n := quick.Load(); n < 10000 { // 80 workers would make 16,000
			t.Errorf("%d calls of the other prefix in 10 s", n)
		}
	})
}
