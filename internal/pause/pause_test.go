package pause

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"
)

// TestUntil never ends early, however short the time.
func TestUntil(t *testing.T) {
	for _, d := range []time.Duration{-time.Second, 0, 100 * time.Microsecond, 3 * time.Millisecond} {
		began := time.Now()
		if err := For(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took < d {
			t.Errorf("%v took %v", d, took)
		}
	}
}

// TestContextEnds also while others wait in the same line, who wait on.
func TestContextEnds(t *testing.T) {
	reason := errors.New("reason")
	var l Line
	for _, wait := range []func(context.Context, time.Duration) error{For, l.For} {
		ctx, cancel := context.WithCancelCause(t.Context())
		other := make(chan error, 1)
		go func() { other <- l.For(t.Context(), 10*time.Millisecond) }()
		time.AfterFunc(time.Millisecond, func() { cancel(reason) })
		if err := wait(ctx, time.Hour); !errors.Is(err, reason) {
			t.Error(err)
		}
		if err := <-other; err != nil {
			t.Error(err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 {
		t.Errorf("%d still wait", len(l.waiting))
	}
}

// TestLine wakes a thousand, each in its time and none early.
func TestLine(t *testing.T) {
	var l Line
	var all sync.WaitGroup
	began := time.Now()
	for i := range 1000 {
		all.Go(func() {
			when := began.Add(time.Duration(i*7%1000) * 20 * time.Microsecond)
			if err := l.Until(t.Context(), when); err != nil || time.Now().Before(when) {
				t.Errorf("%d was woken %v early: %v", i, time.Until(when), err)
			}
		})
	}
	all.Wait()
	if err := l.For(t.Context(), 100*time.Microsecond); err != nil { // once more, after the line was empty
		t.Error(err)
	}
}
