package request

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// farStore answers a round trip later. It works on so many calls at once as it can, each for a
// time, and refuses those beyond the most that it lets in.
type farStore struct {
	trip, work time.Duration
	able       chan struct{}
	mu         sync.Mutex
	in, most   int // most 0: all
}

func (s *farStore) call(context.Context) error {
	s.mu.Lock()
	if s.most > 0 && s.in >= s.most {
		s.mu.Unlock()
		time.Sleep(s.trip)
		return target.NewError(target.CodeThrottled, "", "", nil)
	}
	s.in++
	trip, work := s.trip, s.work
	s.mu.Unlock()
	time.Sleep(trip)
	s.able <- struct{}{}
	time.Sleep(work)
	<-s.able
	s.mu.Lock()
	s.in--
	s.mu.Unlock()
	return nil
}

// set changes how the store is.
func (s *farStore) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// crowd are workers that make small PUTs until they are ended.
func crowd(t *testing.T, c *Caller, s *farStore, workers int) (end func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for range workers {
		all.Go(func() {
			for ctx.Err() == nil {
				err := c.Once(ctx, Call{Name: PutObject, Key: "k", Payload: 4 << 10}, s.call)
				if err != nil && !errors.Is(err, ErrStopped) && !target.HasCode(err, target.CodeThrottled) {
					t.Error(err)
				}
			}
		})
	}
	return func() { cancel(); all.Wait() }
}

func newFar(t *testing.T, requests int, trip, work time.Duration, able int) (*Caller, *farStore) {
	c := New(Settings{Requests: requests, Memory: 256 << 20, Backoff: 200 * time.Millisecond, CallTimeout: time.Minute, RetryBudget: 100, Now: time.Now}, t.Context().Done())
	return c, &farStore{trip: trip, work: work, able: make(chan struct{}, able)}
}

// TestFarStore: requests at once grow with the round trip until the store or the bound is the limit.
func TestFarStore(t *testing.T) {
	for _, test := range []struct {
		name         string
		trip, work   time.Duration
		able         int
		least, most  int
		withinMillis int
	}{
		{"far, strong", 50 * time.Millisecond, time.Millisecond, 512, 512, 512, 1000},
		{"farther", 150 * time.Millisecond, time.Millisecond, 512, 512, 512, 3000},
		{"far, 1000 a second", 50 * time.Millisecond, time.Millisecond, 1, 64, 256, 3000},
		{"near, busy", 0, time.Millisecond, 2, 16, 16, 3000},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, s := newFar(t, 512, test.trip, test.work, test.able)
				if err := c.Once(t.Context(), Call{Name: PutObject, Key: "probe"}, s.call); err != nil {
					t.Fatal(err)
				}
				defer crowd(t, c, s, 600)()
				time.Sleep(time.Duration(test.withinMillis) * time.Millisecond)
				if n := c.Bears(); n < test.least || n > test.most {
					t.Errorf("%d requests at once, want %d to %d", n, test.least, test.most)
				}
			})
		})
	}
}

// TestFarStoreSlows: a store that slows is asked for less, and for as much as before once it
// has recovered. A minute is enough.
func TestFarStoreSlows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newFar(t, 128, 50*time.Millisecond, time.Millisecond, 512)
		defer crowd(t, c, s, 150)()
		time.Sleep(2 * time.Second)
		before := c.Bears()
		s.set(func() { s.trip *= 100 })
		time.Sleep(25 * time.Second)
		slow := c.Bears()
		if slow > before/2 {
			t.Errorf("%d requests at once at a store that has slowed by 100 times, %d before", slow, before)
		}
		s.set(func() { s.trip /= 100 })
		time.Sleep(time.Minute)
		if n := c.Bears(); n < before {
			t.Errorf("%d requests at once a minute after it has recovered, %d before", n, before)
		}
	})
}

// TestFarStoreElsewhere: a way that has become longer for good is learned anew.
func TestFarStoreElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newFar(t, 128, 20*time.Millisecond, time.Millisecond, 512)
		defer crowd(t, c, s, 150)()
		time.Sleep(time.Second)
		s.set(func() { s.trip *= 10 })
		time.Sleep(time.Minute)
		if n := c.Bears(); n < 128 {
			t.Errorf("%d requests at once", n)
		}
	})
}

// TestSlowDownStorm: "slow down" leads below the floor, and what was borne before comes back.
func TestSlowDownStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newFar(t, 128, 50*time.Millisecond, time.Millisecond, 512)
		s.set(func() { s.most = 50 })
		defer crowd(t, c, s, 150)()
		time.Sleep(5 * time.Second)
		if n := c.Bears(); n < 20 || n > 60 {
			t.Errorf("%d requests at once at a store that bears 50", n)
		}
		s.set(func() { s.most = 2 })
		time.Sleep(10 * time.Second)
		if n := c.Bears(); n > 8 {
			t.Errorf("%d requests at once in a storm", n)
		}
		s.set(func() { s.most = 0 })
		time.Sleep(time.Minute)
		if n := c.Bears(); n < 128 {
			t.Errorf("%d requests at once a minute after it", n)
		}
	})
}

// TestLargeRequestsFillMemory: large payloads are bounded by the memory, however far the store is.
func TestLargeRequestsFillMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := newFar(t, 128, 50*time.Millisecond, time.Millisecond, 512)
		var most int
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 300 {
			all.Go(func() {
				for ctx.Err() == nil {
					c.Once(ctx, Call{Name: UploadPart, Key: "k", Payload: 16 << 20}, func(ctx context.Context) error {
						s.set(func() { most = max(most, s.in+1) })
						return s.call(ctx)
					})
				}
			})
		}
		time.Sleep(time.Second)
		cancel()
		all.Wait()
		if most != 64 {
			t.Errorf("%d large requests at once of 4 MiB each, want 64 in 256 MiB", most)
		}
	})
}

// TestRoom: memory goes to who has asked first, and who gives up leaves it to the next.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &room{free: 4}
		if err := r.take(t.Context(), 3); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		got := make(chan error, 2)
		go func() { got <- r.take(ctx, 4) }()
		synctest.Wait()
		go func() { got <- r.take(t.Context(), 1) }()
		synctest.Wait()
		if len(got) != 0 {
			t.Fatal("the second one did not wait for the first")
		}
		cancel()
		if err := errors.Join(<-got, <-got); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		r.giveBack(4)
		if r.free != 4 || len(r.waiters) != 0 {
			t.Errorf("%d free, %d wait", r.free, len(r.waiters))
		}
	})
}

// settle is the limit of a controller after so many rounds at a target whose answers take what trip says.
func settle(c *controller, now *time.Time, rounds int, limit float64, trip func(limit float64) time.Duration) float64 {
	for range rounds {
		began, took := *now, trip(limit)
		*now = now.Add(took)
		for range max(1, int(limit)) {
			limit = c.succeeded(limit, sample{kind{PutObject, 0}, began, took}, true)
		}
	}
	return limit
}

// TestThroughputLeads: one answer that was quicker than all others does not hold back a run whose
// throughput grows with each request, as with a store that closes each connection: a connection
// that happened to be there makes half of the time.
func TestThroughputLeads(t *testing.T) {
	now := time.Unix(1e9, 0)
	c := newController(512, time.Second)
	c.succeeded(16, sample{kind{PutObject, 0}, now, 50 * time.Millisecond}, true)
	limit := settle(c, &now, 40, 16, func(float64) time.Duration { return 110 * time.Millisecond })
	if limit != 512 || c.why != LimitCeiling {
		t.Errorf("%v requests at once, limited by %q", limit, c.why)
	}
}

// TestThroughputStands: where more requests do no more, they are taken back, also after the calls
// have become slow for another reason, and the limit is named.
func TestThroughputStands(t *testing.T) {
	for name, test := range map[string]struct {
		size int
		why  Limit
	}{"small": {0, LimitStore}, "large": {8, LimitLink}} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1e9, 0)
			c := newController(512, time.Second)
			// It takes 10 ms there, and the target does 2,000 a second: 20 at once.
			busy := func(limit float64) time.Duration {
				return max(10*time.Millisecond, time.Duration(limit*float64(time.Second)/2000))
			}
			limit, most := 16.0, 0.0
			for range 600 {
				began, took := now, busy(limit)
				now = now.Add(took)
				for range int(limit) {
					limit = c.succeeded(limit, sample{kind{UploadPart, test.size}, began, took}, true)
				}
				if now.Sub(time.Unix(1e9, 0)) > 2*time.Second {
					most = max(most, limit)
				}
			}
			if limit < 16 || most > 100 || c.why != test.why && c.why != LimitGrowing {
				t.Errorf("%v requests at once, up to %v, limited by %q", limit, most, c.why)
			}
		})
	}
}

// TestShrinksWhereItDoesNotHelp: fewer requests that do as much are kept, and fewer that do less are
// taken back.
func TestShrinksWhereItDoesNotHelp(t *testing.T) {
	now := time.Unix(1e9, 0)
	c := newController(512, time.Second)
	c.succeeded(256, sample{kind{PutObject, 0}, now, 10 * time.Millisecond}, true)
	slower := func(float64) time.Duration { return 40 * time.Millisecond } // whatever the limit is
	limit := settle(c, &now, 60, 256, slower)
	if limit < 256 {
		t.Errorf("%v requests at once: fewer of them do less", limit)
	}
	c = newController(512, time.Second)
	c.succeeded(256, sample{kind{PutObject, 0}, now, 10 * time.Millisecond}, true)
	queue := func(limit float64) time.Duration { return time.Duration(limit) * time.Millisecond }
	if limit := settle(c, &now, 60, 256, queue); limit > 64 {
		t.Errorf("%v requests at once: 32 do as much", limit)
	}
}

// TestDecisions: what was decided can be asked for, each once, and is bounded.
func TestDecisions(t *testing.T) {
	var d decisions
	now := time.Unix(1e9, 0)
	d.note(now, 16, LimitGrowing)
	d.note(now, 16, LimitGrowing)
	list, n := d.since(0)
	if len(list) != 1 || n != 1 {
		t.Fatalf("%v of %d", list, n)
	}
	for i := range 3 * maxDecisions {
		d.note(now, i, LimitStore)
	}
	if list, n := d.since(n); len(list) != maxDecisions || n != 1+3*maxDecisions || list[len(list)-1].Requests != 3*maxDecisions-1 {
		t.Errorf("%d of %d, the last is %v", len(list), n, list[len(list)-1])
	}
	if list, _ := d.since(n + 3*maxDecisions); len(list) != 0 {
		t.Errorf("%d twice", len(list))
	}
}
