package request

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// TestPacedByTheDay: calls that wait for a place go when the limit ends.
func TestPacedByTheDay(t *testing.T) {
	var night atomic.Bool
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	table, err := ParseTimetable("00:00,64K 20:00,off")
	if err != nil {
		t.Fatal(err)
	}
	p := newPacer(table, func() time.Time {
		if night.Load() {
			return at.Add(9 * time.Hour)
		}
		return at
	})
	leave, err := p.enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second := make(chan error)
	go func() {
		leave, err := p.enter(t.Context())
		if err == nil {
			leave()
		}
		second <- err
	}()
	for waiting := 0; waiting == 0; {
		p.calls.mu.Lock()
		waiting = len(p.calls.waiters)
		p.calls.mu.Unlock()
	}
	night.Store(true)
	if n, err := p.wait(t.Context(), 1<<20); n != pacePiece || err != nil { // of the one under way
		t.Errorf("%d, %v", n, err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
	leave()
	night.Store(false)
	if n, err := p.wait(t.Context(), 1<<20); n != 64<<10 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	if leave, err = p.enter(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer leave()
	cancel()
	if _, err := p.enter(stopped); !errors.Is(err, ErrStopped) {
		t.Errorf("a stopped run: %v", err)
	}
}

// TestClock: a call's time goes on where it stood.
func TestClock(t *testing.T) {
	ctx, cancel := withClock(t.Context(), 50*time.Millisecond, 0, 0)
	defer cancel()
	goOn := stand(ctx)
	select {
	case <-ctx.Done():
		t.Fatal("it ran while it stood")
	case <-time.After(150 * time.Millisecond):
	}
	goOn()
	<-ctx.Done() // or never
	stand(ctx)() // of a call that is over: nothing
}
