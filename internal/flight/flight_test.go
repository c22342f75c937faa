package flight

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestDo: those that ask for one key at the same time share one call, those that ask for
// others wait for nobody, and nothing is kept.
func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[string, int]
		var mu sync.Mutex
		calls := map[string]int{}
		begin := time.Now()
		want := errors.New("b is bad")
		var all sync.WaitGroup
		for _, key := range []string{"a", "b", "a", "b", "a"} {
			all.Go(func() {
				n, err := g.Do(key, func() (int, error) {
					mu.Lock()
					calls[key]++
					n := calls[key]
					mu.Unlock()
					time.Sleep(time.Second)
					if key == "b" {
						return 0, want
					}
					return n, nil
				})
				if key == "a" && (n != 1 || err != nil) || key == "b" && err != want {
					t.Errorf("%s: %d, %v", key, n, err)
				}
			})
		}
		all.Wait()
		if took := time.Since(begin); took != time.Second || calls["a"] != 1 || calls["b"] != 1 {
			t.Errorf("%v calls took %v", calls, took)
		}
		if n, err := g.Do("a", func() (int, error) { return 7, nil }); n != 7 || err != nil {
			t.Errorf("a call later: %d, %v", n, err)
		}
	})
}

// TestDoPanics: who waits for a call that panics is told, and the next call is one of its own.
func TestDoPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g Group[int, int]
		go func() {
			defer func() { recover() }()
			g.Do(1, func() (int, error) { time.Sleep(time.Second); panic("x") })
		}()
		synctest.Wait()
		if _, err := g.Do(1, func() (int, error) { return 1, nil }); err != errPanicked {
			t.Errorf("%v", err)
		}
		if n, err := g.Do(1, func() (int, error) { return 1, nil }); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	})
}
